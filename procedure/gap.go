package procedure

import "fmt"

// A Gap is the error of a subscription whose source no longer has all that
// follows the item the subscriber has read to. Nothing is lost silently: the
// caller starts over, or goes on with all that is left by resuming after To.
//
//	var gap *procedure.Gap
//	if errors.As(err, &gap) {
//		after = gap.To // what was between is gone
//	}
//
// Its code is PRECONDITION_FAILED. errors.Is with the code and errors.As with
// a *Gap hold on both sides of the wire, where it is an error frame whose data
// has the members from and to. A procedure that resumes by itself may return
// one: &Gap{From: out.After(), To: id}.
type Gap struct {
	From string `json:"from"` // the ID to resume after, or the last one read
	To   string `json:"to"`   // the ID after which the source still has everything
}

// Error tells both IDs.
func (g *Gap) Error() string { return fmt.Sprintf("gap from %q to %q", g.From, g.To) }

// Is reports whether target is PRECONDITION_FAILED.
func (g *Gap) Is(target error) bool { return target == error(CodePreconditionFailed) }

// As gives g as the *[Error] that the caller is told, or its code.
func (g *Gap) As(target any) bool {
	switch t := target.(type) {
	case *Code:
		*t = CodePreconditionFailed
	case **Error:
		*t = &Error{
			Code:    CodePreconditionFailed,
			Message: fmt.Sprintf("what follows %q is no longer held", g.From),
			Data:    *g,
			cause:   g,
		}
	default:
		return false
	}
	return true
}

// gapOf returns the Gap that an error from the other side of the wire tells
// of, nil if it tells of something else.
func gapOf(e *Error) error {
	data, _ := e.Data.(map[string]any)
	from, ok := data["from"].(string)
	to, also := data["to"].(string)
	if e.Code != CodePreconditionFailed || !ok || !also {
		return nil
	}
	return &Gap{From: from, To: to}
}
