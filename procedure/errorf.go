package procedure

import (
	"errors"
	"fmt"
	"strings"
)

// Errorf returns an *[Error] with a code. Like fmt.Errorf it wraps the
// operands of %w. The message the caller reads leaves them out, with the
// punctuation before them: of
//
//	Errorf(CodeConflict, "save: %w", err)
//
// the caller reads "save", while Error, and so a log, has all of it.
func Errorf(c Code, format string, args ...any) error {
	operands := make([]any, len(args))
	for i, arg := range args {
		operands[i] = arg
		if err, ok := arg.(error); ok {
			operands[i] = &operand{err: err}
		}
	}
	formatted := fmt.Errorf(format, operands...)

	var causes []error
	switch w := formatted.(type) {
	case interface{ Unwrap() error }:
		causes = append(causes, wrapped(w.Unwrap())...)
	case interface{ Unwrap() []error }:
		causes = append(causes, wrapped(w.Unwrap()...)...)
	}
	e := &Error{Code: c, Message: formatted.Error()}
	switch len(causes) {
	case 0:
		return e
	case 1:
		e.cause = causes[0]
	default:
		e.cause = errors.Join(causes...)
	}
	e.Message = withoutHoles(fmt.Errorf(format, operands...).Error())
	return e
}

// hole stands in a message where an operand of %w was left out. No message
// holds the character by itself: it is not one of Unicode's.
const hole = "\xff"

// An operand is an error among the arguments of Errorf. It prints as the error
// until it turns out to have been wrapped.
type operand struct {
	err  error
	hide bool
}

func (o *operand) Error() string { return o.err.Error() }

// Format prints the error under any verb, or a hole.
func (o *operand) Format(f fmt.State, verb rune) {
	if o.hide {
		fmt.Fprint(f, hole)
		return
	}
	fmt.Fprintf(f, fmt.FormatString(f, verb), o.err)
}

// wrapped hides the operands among errs and returns what they hold.
func wrapped(errs ...error) (causes []error) {
	for _, err := range errs {
		if o, ok := err.(*operand); ok {
			o.hide = true
			causes = append(causes, o.err)
		}
	}
	return causes
}

// withoutHoles drops the holes of s together with the punctuation that led to
// them.
func withoutHoles(s string) string {
	var out strings.Builder
	for {
		before, after, found := strings.Cut(s, hole)
		if !found {
			out.WriteString(s)
			return strings.TrimSpace(out.String())
		}
		out.WriteString(strings.TrimRight(before, " :,;-(\"'"))
		s = strings.TrimLeft(after, ")\"'")
	}
}
