package engine

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/zapsocket/zapsocket/procedure"
)

// Method is what a request asks for.
type Method uint8

// The methods. Cancel and Credit exist between two ends of ours only.
const (
	MethodQuery Method = iota + 1
	MethodMutation
	MethodSubscription
	MethodStop
	MethodCancel
	MethodCredit
)

// A Request is one request of a message. Its slices point into the message.
type Request struct {
	ID      ID // nil for null
	Method  Method
	JSONRPC bool // "jsonrpc":"2.0" is to be echoed

	// What follows is empty for MethodStop and MethodCancel, and all but
	// Credit for MethodCredit.
	Path        []byte
	LastEventID string
	Timeout     time.Duration     // zero: none
	Meta        map[string]string // nil: none

	// Credit is how many items a subscription may send before it is granted
	// more, zero for no such limit; of a MethodCredit, how many more.
	Credit int

	input    []byte
	hasInput bool
	fault    fault
	n        int // params.n
}

// Input returns the request's input: absent if there was none, and malformed
// if it has a fault that the grammar allows.
func (r *Request) Input(maxDepth int) procedure.Body {
	switch {
	case r.fault&tooDeep != 0:
		return faulty("depth", fmt.Sprintf("input is nested deeper than %d", maxDepth))
	case r.fault&nulName != 0:
		return faulty("name", `input has a member name with \u0000`)
	case !r.hasInput:
		return procedure.Body{}
	}
	return procedure.Encoded(r.input, procedure.JSON)
}

// Detach has r keep nothing of its message but what it needs.
func (r *Request) Detach() {
	r.ID, r.Path, r.input = bytes.Clone(r.ID), bytes.Clone(r.Path), bytes.Clone(r.input)
}

// faulty is an input that breaks a rule as a whole.
func faulty(rule, message string) procedure.Body {
	return procedure.Malformed(&procedure.Error{
		Code:    procedure.CodeBadRequest,
		Message: message,
		Fields:  []procedure.Field{{Rule: rule, Message: message}},
	})
}

// A Scanner reads messages into requests.
type Scanner struct {
	MaxDepth int
	MaxBatch int
	Extended bool // the peer is one of ours: cancel, credit, timeoutMs and meta count
}

// ErrBatch is Scan's error for an array with more elements than MaxBatch, and
// ErrFlood for one with so many more that they are not even counted.
var (
	ErrBatch = errors.New("batch exceeds the maximum size")
	ErrFlood = errors.New("batch is a flood")
)

// maxExcess is how many elements beyond MaxBatch are told that there are too
// many.
const maxExcess = 1024

// A Malformed error says what in a message is not a request.
type Malformed struct{ Reason string }

func (m *Malformed) Error() string { return m.Reason }

func malformed(format string, args ...any) error {
	return &Malformed{fmt.Sprintf("Invalid message: "+format, args...)}
}

// Scan appends the requests of message, an object or an array of them, to
// dst. Its error is a *Malformed or ErrFlood, of which nothing may run, or
// ErrBatch, for which the requests are returned so that each can be told.
// Message must be UTF-8.
func (s *Scanner) Scan(dst []Request, message []byte) ([]Request, error) {
	i := skipSpace(message, 0)
	if i == len(message) {
		return dst, malformed("it is empty")
	}
	var err error
	switch message[i] {
	case '{':
		dst, i, err = s.scanRequest(dst, message, i)
	case '[':
		dst, i, err = s.scanArray(dst, message, i)
	default:
		end, _ := skipValue(message, i, s.MaxDepth)
		if end < 0 || skipSpace(message, end) != len(message) {
			return dst, errGrammar
		}
		return dst, malformed("it is neither an object nor an array of objects")
	}
	if i < 0 || skipSpace(message, i) != len(message) {
		return dst, errGrammar // comes before what the members say
	}
	if err == nil && len(dst) > s.MaxBatch {
		err = ErrBatch
	}
	return dst, err
}

var (
	errGrammar  = malformed("it is not JSON")
	errNoParams = malformed("params is missing")
)

// scanArray and what it calls return the index behind what they read, -1 for
// bad grammar, and the first thing that is wrong in an envelope. They read on
// behind that, because bad grammar anywhere counts more.
func (s *Scanner) scanArray(dst []Request, b []byte, i int) (_ []Request, end int, err error) {
	i = skipSpace(b, i+1)
	if i < len(b) && b[i] == ']' {
		return dst, i + 1, nil
	}
	for n := 0; ; n++ {
		var bad error
		if i < len(b) && b[i] == '{' {
			if dst, i, bad = s.scanRequest(dst, b, i); i < 0 {
				return dst, -1, nil
			}
		} else {
			if i, _ = skipValue(b, i, s.MaxDepth); i < 0 {
				return dst, -1, nil
			}
			bad = malformed("it is not an object")
		}
		if bad != nil && (err == nil || err == ErrFlood) {
			err = &Malformed{fmt.Sprintf("%v (element %d)", bad, n)}
		}
		if len(dst)-maxExcess > s.MaxBatch && err == nil {
			err = ErrFlood
		}
		if err != nil {
			dst = dst[:0] // nothing of it is going to run
		}
		i = skipSpace(b, i)
		switch {
		case i < len(b) && b[i] == ']':
			return dst, i + 1, err
		case i < len(b) && b[i] == ',':
			i = skipSpace(b, i+1)
		default:
			return dst, -1, nil
		}
	}
}

// scanRequest reads the object at b[i].
func (s *Scanner) scanRequest(dst []Request, b []byte, i int) (_ []Request, end int, err error) {
	dst = append(dst, Request{})
	var (
		r              = &dst[len(dst)-1]
		params  error  = errNoParams
		ignored []byte // the params of a request that has no use for them
		members memberSet
	)
	i, err = s.scanObject(b, i, &members, func(name []byte, start int) (int, error) {
		switch string(name) {
		case "id":
			end, f := skipValue(b, start, s.MaxDepth)
			if end < 0 || f != 0 {
				return end, malformed("id must be a string or a number")
			}
			if id := ID(b[start:end]); string(id) != "null" {
				if r.ID = id; !id.valid() {
					return end, malformed("id must be a string or a number, of at most %d bytes", maxID)
				}
			}
			return end, nil
		case "method":
			text, end, err := scanText(b, start, "method")
			if err == nil {
				if r.Method = s.method(text); r.Method == 0 {
					return end, malformed("method %q is unknown", clip(text))
				}
			}
			return end, err
		case "jsonrpc":
			text, end, err := scanText(b, start, "jsonrpc")
			if r.JSONRPC = true; err == nil && string(text) != "2.0" {
				return end, malformed(`jsonrpc must be "2.0"`)
			}
			return end, err
		case "params":
			if start < len(b) && b[start] == '{' {
				var end int
				end, params = s.scanParams(r, b, start)
				ignored = b[start:max(start, end)]
				return end, nil
			}
			params = malformed("params must be an object")
		}
		return s.skipUnknown(b, start)
	})
	switch {
	case i < 0 || err != nil:
	case !members.has("id"):
		err = malformed("id is missing")
	case r.Method == 0:
		err = malformed("method is missing")
	case r.Method < MethodStop:
		err = params
	case !strict(ignored):
		err = malformed("params is ambiguous JSON")
	case r.Method == MethodCredit && r.n == 0:
		err = malformed("params.n must be an integer from 1 to %d", maxCredit)
	case r.Method == MethodCredit:
		*r = Request{ID: r.ID, Method: r.Method, JSONRPC: r.JSONRPC, Credit: r.n}
	default:
		*r = Request{ID: r.ID, Method: r.Method, JSONRPC: r.JSONRPC}
	}
	return dst, i, err
}

func (s *Scanner) method(name []byte) Method {
	switch string(name) {
	case "query":
		return MethodQuery
	case "mutation":
		return MethodMutation
	case "subscription":
		return MethodSubscription
	case "subscription.stop":
		return MethodStop
	case "cancel":
		if s.Extended {
			return MethodCancel
		}
	case "subscription.credit":
		if s.Extended {
			return MethodCredit
		}
	}
	return 0
}

// scanParams reads the object at b[i] into r.
func (s *Scanner) scanParams(r *Request, b []byte, i int) (end int, err error) {
	var members memberSet
	end, err = s.scanObject(b, i, &members, func(name []byte, start int) (end int, err error) {
		switch string(name) {
		case "path":
			r.Path, end, err = scanText(b, start, "params.path")
			return end, err
		case "lastEventId":
			text, end, err := scanText(b, start, "params.lastEventId")
			r.LastEventID = string(text)
			return end, err
		case "input":
			end, r.fault = skipValue(b, start, s.MaxDepth)
			if end > 0 {
				r.input, r.hasInput = b[start:end], true
			}
			return end, nil
		case "timeoutMs":
			if s.Extended {
				r.Timeout, end, err = scanMillis(b, start)
				return end, err
			}
		case "meta":
			if s.Extended {
				r.Meta, end, err = s.scanMeta(b, start)
				return end, err
			}
		case "credit":
			if s.Extended {
				if r.Credit, end = scanCount(b, start); end > 0 && r.Credit == 0 {
					err = malformed("params.credit must be an integer from 1 to %d", maxCredit)
				}
				return end, err
			}
		case "n":
			r.n, _ = scanCount(b, start)
		}
		return s.skipUnknown(b, start)
	})
	if end > 0 && err == nil && !members.has("path") {
		err = malformed("params.path is missing")
	}
	return end, err
}

// maxMillis keeps a deadline within what a timer can hold: 24 days, as far as
// JavaScript's go.
const maxMillis = 1<<31 - 1

func scanMillis(b []byte, i int) (time.Duration, int, error) {
	end, _ := skipValue(b, i, 1)
	if end < 0 {
		return 0, end, nil
	}
	ms, err := strconv.ParseUint(string(b[i:end]), 10, 31)
	if err != nil || ms == 0 {
		return 0, end, malformed("params.timeoutMs must be an integer from 1 to %d", maxMillis)
	}
	return time.Duration(ms) * time.Millisecond, end, nil
}

// maxCredit is how many items may be granted at a time.
const maxCredit = 1<<31 - 1

// scanCount reads a positive integer, 0 for anything else.
func scanCount(b []byte, i int) (n, end int) {
	end, _ = skipValue(b, i, 1)
	if end < 0 {
		return 0, end
	}
	count, err := strconv.ParseUint(string(b[i:end]), 10, 31)
	if err != nil {
		return 0, end
	}
	return int(count), end
}

// maxMeta is the size in bytes of params.meta as written.
const maxMeta = 4 << 10

// scanMeta reads an object whose members are all strings.
func (s *Scanner) scanMeta(b []byte, i int) (map[string]string, int, error) {
	if i >= len(b) || b[i] != '{' {
		end, _ := skipValue(b, i, s.MaxDepth)
		return nil, end, malformed("params.meta must be an object")
	}
	meta := map[string]string{}
	var members memberSet
	end, err := s.scanObject(b, i, &members, func(name []byte, start int) (int, error) {
		text, end, err := scanText(b, start, "params.meta."+string(clip(name)))
		if end > 0 && end-i <= maxMeta {
			meta[string(name)] = string(text)
		}
		return end, err
	})
	if end > 0 && end-i > maxMeta {
		err = malformed("params.meta is larger than %d bytes", maxMeta)
	}
	return meta, end, err
}

// scanObject reads the object at b[i], calling member with each name and the
// index of its value. It goes on behind what member finds wrong, as long as
// the grammar is right.
func (s *Scanner) scanObject(b []byte, i int, seen *memberSet, member func(name []byte, start int) (end int, err error)) (end int, err error) {
	i = skipSpace(b, i+1)
	if i < len(b) && b[i] == '}' {
		return i + 1, nil
	}
	for {
		start := i
		end, nul := skipString(b, i)
		if end < 0 {
			return -1, nil
		}
		name, ok := unquote(b[start:end])
		var bad error
		switch {
		case !ok:
			bad = malformed("a member name holds a lone surrogate")
		case nul:
			bad = malformed(`a member name holds \u0000`)
		case !seen.add(name):
			bad = malformed("member %q stands more than once", clip(name))
		}
		i = skipSpace(b, end)
		if i >= len(b) || b[i] != ':' {
			return -1, nil
		}
		var valueErr error
		i, valueErr = member(name, skipSpace(b, i+1))
		if i < 0 {
			return -1, nil
		}
		if err == nil {
			if err = bad; err == nil {
				err = valueErr
			}
		}
		i = skipSpace(b, i)
		switch {
		case i < len(b) && b[i] == '}':
			return i + 1, err
		case i < len(b) && b[i] == ',':
			i = skipSpace(b, i+1)
		default:
			return -1, nil
		}
	}
}

// scanText reads a string.
func scanText(b []byte, i int, what string) (text []byte, end int, err error) {
	end, _ = skipValue(b, i, 1)
	if end < 0 {
		return nil, end, nil
	}
	if b[i] != '"' {
		return nil, end, malformed("%s must be a string", what)
	}
	text, ok := unquote(b[i:end])
	if !ok {
		return nil, end, malformed("%s holds a lone surrogate", what)
	}
	return text, end, nil
}

// skipUnknown reads a member that has no meaning. It has to be strict JSON all
// the same.
func (s *Scanner) skipUnknown(b []byte, i int) (end int, err error) {
	end, f := skipValue(b, i, s.MaxDepth)
	switch {
	case end < 0:
		return end, nil
	case f&tooDeep != 0:
		return end, malformed("it is nested deeper than %d", s.MaxDepth)
	case f != 0 || !strict(b[i:end]):
		return end, malformed("a member is ambiguous JSON")
	}
	return end, nil
}

// clip shortens what goes into a message.
func clip(text []byte) []byte {
	const most = 64
	if len(text) <= most {
		return text
	}
	return append(bytes.Clone(text[:most]), "..."...)
}
