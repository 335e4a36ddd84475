package procedure

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxName is the length of a name in bytes.
const maxName = 128

// CheckName returns why name cannot be the name of a procedure, nil if it can:
// segments of letters, digits and underscores, not starting with a digit,
// joined by dots, at most 128 bytes. The segments then, call and apply are
// refused because a tRPC client cannot reach them.
func CheckName(name string) error {
	if len(name) > maxName {
		return fmt.Errorf("procedure name %q is longer than %d bytes", name[:maxName]+"...", maxName)
	}
	for segment := range strings.SplitSeq(name, ".") {
		if segment == "" {
			return fmt.Errorf("procedure name %q has an empty segment", name)
		}
		for i := range len(segment) {
			if !nameByte(segment[i], i == 0) {
				r, _ := utf8.DecodeRuneInString(segment[i:])
				return fmt.Errorf("procedure name %q: %+q may not stand at %d of segment %q", name, r, i, segment)
			}
		}
		switch segment {
		case "then", "call", "apply":
			return fmt.Errorf("procedure name %q: a tRPC client cannot reach the segment %q", name, segment)
		}
	}
	return nil
}

func nameByte(c byte, first bool) bool {
	switch {
	case c == '_', 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z':
		return true
	}
	return !first && '0' <= c && c <= '9'
}

// Prefix returns a Handler that calls h with "prefix." before every name: on
// it the constants of a contract package reach a router that was mounted under
// that prefix. It panics for a prefix that is not a name.
func Prefix(prefix string, h Handler) Handler {
	if err := CheckName(prefix); err != nil {
		panic("procedure.Prefix: " + err.Error())
	}
	return HandlerFunc(func(ctx context.Context, req *Request, reply Reply) error {
		prefixed := *req
		prefixed.Name = prefix + "." + req.Name
		return h.ServeRPC(ctx, &prefixed, reply)
	})
}
