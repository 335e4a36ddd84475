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
	// Formatted once to learn which operands are wrapped, and once without
	// them.
	operands := make([]any, len(args))
	for i, arg := range args {
		operands[i] = arg
		if err, ok := arg.(error); ok {
			operands[i] = &operand{err: err}
		}
	}
	var causes []error
	switch w := fmt.Errorf(format, operands...).(type) {
	case interface{ Unwrap() error }:
		causes = wrapped(w.Unwrap())
	case interface{ Unwrap() []error }:
		causes = wrapped(w.Unwrap()...)
	}
	for i, o := range operands {
		if o, ok := o.(*operand); ok && !o.hide {
			operands[i] = args[i]
		}
	}
	e := &Error{Code: c, Message: fmt.Errorf(format, operands...).Error()}
	switch len(causes) {
	case 0:
		return e
	case 1:
		e.cause = causes[0]
	default:
		e.cause = errors.Join(causes...)
	}
	e.Message = withoutHoles(e.Message)
	return e
}

// hole stands in a message where an operand of %w was left out. No message
// holds the character by itself: it is not one of Unicode's.
const hole = "\xff"

// An operand is an error among the arguments of Errorf. It prints as the error
// until it turns out to have been wrapped, and then as a hole.
type operand struct {
	err  error
	hide bool
}

func (o *operand) Error() string { return o.err.Error() }

// Format prints the operand under any verb.
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

// withoutHoles closes the holes of s.
func withoutHoles(s string) string {
	for {
		before, after, found := strings.Cut(s, hole)
		if !found {
			return strings.TrimSpace(s)
		}
		s = closeHole(before, after)
	}
}

// closeHole joins what stands around a hole, less the punctuation that led to
// it and the brackets or quotes around it.
func closeHole(before, after string) string {
	const separators, openers, closers = " :,;-", "([{\"'`", ")]}\"'`"
	for {
		before = strings.TrimRight(before, separators)
		if before == "" {
			return strings.TrimLeft(after, separators)
		}
		last := len(before) - 1
		switch i := strings.IndexByte(openers, before[last]); {
		case i < 0:
			return before + after
		case after != "" && after[0] == closers[i]:
			before, after = before[:last], after[1:]
		case openers[i] == closers[i]: // it closes a quotation
			return before + after
		default:
			return before + strings.TrimLeft(after, separators)
		}
	}
}
