package procedure

import (
	"bytes"
	"context"
	"errors"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// defaultInputLimit is the limit of transports that name none.
const defaultInputLimit = 1<<20 + 64<<10

// input returns the request's input, decoded and validated.
func input[In any](ctx context.Context, req *Request, p *plan) (*In, error) {
	body := req.Input
	if body.codec != nil || req.After != "" && p.lastEventID != nil && body.Absent() {
		if err := p.limit(req); err != nil {
			return nil, err
		}
		var err error
		if body, err = p.resume(req); err != nil {
			return nil, decodeError(err)
		}
	}
	in := new(In)
	if err := decode(body, in, p.rejectUnknown); err != nil {
		return nil, decodeError(err)
	}
	if body.codec == nil && req.After != "" && p.lastEventID != nil {
		setLastEventID(reflect.ValueOf(in).Elem(), p.lastEventID, req.After)
	}
	return in, p.in.input(ctx, in)
}

// limit enforces MaxInput.
func (p *plan) limit(req *Request) error {
	limit := p.maxInput
	if limit == 0 {
		limit = req.InputLimit
	}
	if limit == 0 {
		limit = defaultInputLimit
	}
	if size := req.Input.Size(); limit > 0 && size > limit {
		return Errorf(CodePayloadTooLarge, "input of %d bytes is larger than %d", size, limit)
	}
	return nil
}

// resume returns the request's input as tRPC servers see it: with the ID to
// resume after as its member lastEventId, where the type has such a member.
// Where it has none, the member never counts as unknown.
func (p *plan) resume(req *Request) (Body, error) {
	body := req.Input
	if _, bad := body.codec.(malformed); bad {
		return body, nil
	}
	if p.lastEventID != nil {
		if req.After == "" {
			return body, nil
		}
		merged, err := mergeLastEventID(body.raw, req.After)
		return Encoded(merged, JSON), err
	}
	if p.rejectUnknown && mayHaveLastEventID(body.raw) {
		raw, err := withoutLastEventID(body.raw)
		return Encoded(raw, body.codec), err
	}
	return body, nil
}

// after returns the ID to resume after: the request's own, else what a stock
// client put into the input.
func after[In any](req *Request, in *In, p *plan) string {
	switch {
	case req.After != "":
		return req.After
	case p.lastEventID != nil:
		return getLastEventID(reflect.ValueOf(in).Elem(), p.lastEventID)
	case req.Input.codec != nil && mayHaveLastEventID(req.Input.raw):
		return lastEventID(req.Input.raw)
	}
	return ""
}

// mayHaveLastEventID is a cheap test: a name may be spelt with escapes.
func mayHaveLastEventID(raw []byte) bool {
	return bytes.Contains(raw, []byte(`"lastEventId"`)) || bytes.IndexByte(raw, '\\') >= 0
}

// setLastEventID sets the string or *string field at index of v, an input that
// has not crossed the wire. What is behind pointers is the caller's and not
// ours to change, so they come to point to copies.
func setLastEventID(v reflect.Value, index []int, id string) {
	for _, i := range index {
		if v.Kind() == reflect.Pointer {
			if !v.CanSet() {
				return // embedded and not exported: JSON cannot set it either
			}
			c := reflect.New(v.Type().Elem())
			if !v.IsNil() {
				c.Elem().Set(v.Elem())
			}
			v.Set(c)
			v = c.Elem()
		}
		v = v.Field(i)
	}
	switch {
	case v.Kind() == reflect.String:
		v.SetString(id)
	case v.Kind() == reflect.Pointer && v.Type().Elem().Kind() == reflect.String:
		s := reflect.New(v.Type().Elem())
		s.Elem().SetString(id)
		v.Set(s)
	}
}

// getLastEventID reads that field, "" if it is not there.
func getLastEventID(v reflect.Value, index []int) string {
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	if !v.IsValid() {
		return ""
	}
	f, err := v.FieldByIndexErr(index)
	if err != nil {
		return ""
	}
	if f.Kind() == reflect.Pointer {
		f = f.Elem()
	}
	if !f.IsValid() || f.Kind() != reflect.String {
		return ""
	}
	return f.String()
}

// decodeError turns what decoding an input said into BAD_REQUEST with the
// place. An *Error, such as a transport's about a malformed input, stays.
func decodeError(err error) error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	f := faultOf(err)
	field := Field{Path: pathOfPointer(f.pointer), Rule: f.rule}
	subject := field.Path
	if subject == "" {
		subject = "input"
	}
	switch f.rule {
	case "type", "format":
		field.Param = describe(f.want)
		field.Message = subject + " must be " + article(field.Param)
	case "range":
		field.Param = f.want.String()
		field.Message = subject + " is out of range"
	case "unknown":
		field.Message = subject + " is not a known member"
	case "duplicate":
		field.Message = subject + " stands more than once"
	default:
		field.Message = subject + " is not valid JSON"
	}
	return &Error{Code: CodeBadRequest, Message: field.Message, Fields: []Field{field}, cause: err}
}

// pathOfPointer turns the RFC 6901 pointer /tags/0/name into tags[0].name.
func pathOfPointer(pointer string) string {
	var path strings.Builder
	for token := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		token = strings.ReplaceAll(strings.ReplaceAll(token, "~1", "/"), "~0", "~")
		if _, err := strconv.ParseUint(token, 10, 64); err == nil {
			path.WriteString("[" + token + "]")
			continue
		}
		if path.Len() > 0 {
			path.WriteByte('.')
		}
		path.WriteString(token)
	}
	return path.String()
}

// describe says what JSON a Go type is read from.
func describe(t reflect.Type) string {
	if t == nil {
		return "value of another kind"
	}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t == reflect.TypeFor[time.Time]():
		return "date-time such as 2006-01-02T15:04:05Z"
	case t == reflect.TypeFor[time.Duration]():
		return `duration such as "1m30s"`
	case t.PkgPath() == "github.com/google/uuid":
		return "UUID"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "boolean"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return "integer"
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return "non-negative integer"
	case reflect.Float32, reflect.Float64:
		return "number"
	case reflect.String:
		return "string"
	case reflect.Slice, reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 {
			return "base64 string"
		}
		return "array"
	case reflect.Map, reflect.Struct:
		return "object"
	}
	return "value of another kind"
}

func article(noun string) string {
	if strings.ContainsRune("aeio", rune(noun[0])) {
		return "an " + noun
	}
	return "a " + noun
}

// isRange reports whether a number did not fit its type.
func isRange(err error) bool { return errors.Is(err, strconv.ErrRange) }

// output checks what a procedure sends; a failure is the server's, and its
// details are for the log.
func (c *check) output(ctx context.Context, name string, v any) error {
	if c == nil {
		return nil
	}
	if err := c.input(ctx, v); err != nil {
		return hidden(Errorf(CodeInternalServerError, "%s: output validation failed: %w", name, err))
	}
	return nil
}
