package engine

import (
	"bytes"
	"strconv"
	"time"

	"github.com/zapsocket/zapsocket/procedure"
)

// ResultType is what a response says about its call.
type ResultType uint8

// The types of responses. A type that is not known is ignored.
const (
	ResultUnknown ResultType = iota
	ResultData
	ResultStarted
	ResultStopped
	ResultError
)

// A Response is one message of a server. Its slices point into the message.
type Response struct {
	Method string // of a notification, "" for a response; nothing but AfterMs counts beside it
	After  time.Duration

	Size    int    // of the message, in bytes
	ID      uint64 // 0 for null, and for one that is not ours
	Type    ResultType
	EventID string // of a tracked item
	Data    procedure.Body
	Dropped uint64
	Err     *procedure.Error // of ResultError
}

// maxMethod is the longest method that is told from others.
const maxMethod = 32

// ScanResponse reads one message of a server: one object, of which everything
// may be wrong. Its error is a *Malformed; such a message belongs to no call.
// What is wrong with the data of a call alone is told when that is decoded.
// Message must be UTF-8.
func (s *Scanner) ScanResponse(message []byte) (Response, error) {
	if r, ok := s.scanAnswer(message); ok {
		return r, nil
	}
	return s.scanResponse(message)
}

// scanAnswer reads what most messages are, data without an id, in the one
// spelling that servers of ours have for it. It is not ok for all else.
func (s *Scanner) scanAnswer(message []byte) (r Response, ok bool) {
	rest, ok := bytes.CutPrefix(message, []byte(`{"id":`))
	if !ok {
		return r, false
	}
	digits := 0
	for digits < len(rest) && digits < maxDigits && '0' <= rest[digits] && rest[digits] <= '9' {
		r.ID = r.ID*10 + uint64(rest[digits]-'0')
		digits++
	}
	if digits == 0 || rest[0] == '0' {
		return r, false
	}
	if rest, ok = bytes.CutPrefix(rest[digits:], []byte(dataPart+`,"data":`)); !ok {
		return r, false
	}
	end, f := skipValue(rest, 0, s.MaxDepth)
	if end < 0 || string(rest[end:]) != "}}" {
		return r, false
	}
	r.Size, r.Type, r.Data = len(message), ResultData, s.resultData(rest[:end], f, false)
	return r, true
}

// maxDigits is how many digits fit into an id, whatever they are.
const maxDigits = 19

// scanResponse is ScanResponse for all that a message may be.
func (s *Scanner) scanResponse(message []byte) (Response, error) {
	var (
		r       = Response{Size: len(message)}
		members memberSet
		failure []byte
	)
	i := skipSpace(message, 0)
	if i == len(message) || message[i] != '{' {
		return r, malformed("it is not an object")
	}
	end, err := s.scanObject(message, i, &members, func(name []byte, start int) (int, error) {
		switch string(name) {
		case "id":
			end, _ := skipValue(message, start, s.MaxDepth)
			if end > 0 {
				r.ID = ownID(message[start:end])
			}
			return end, nil
		case "method":
			text, end, err := scanText(message, start, "method")
			r.Method = string(text[:min(len(text), maxMethod)])
			if r.Method == "" {
				r.Method = "?" // any method makes it a notification
			}
			return end, err
		case "params":
			return s.scanAfter(message, start, &r)
		case "result":
			return s.scanResult(message, start, &r)
		case "error":
			end, _ := skipValue(message, start, s.MaxDepth)
			if end > 0 {
				failure = message[start:end]
			}
			return end, nil
		}
		end, _ := skipValue(message, start, s.MaxDepth)
		return end, nil
	})
	switch {
	case end < 0 || skipSpace(message, end) != len(message):
		return r, errGrammar
	case err != nil:
		return r, err
	case failure != nil && r.Method == "":
		r.Type, r.Err = ResultError, scanError(failure, s.MaxDepth)
	case !members.has("result") && r.Method == "":
		return r, malformed("it has neither result nor error")
	}
	return r, nil
}

// ownID reads an id as this end makes them: a positive integer, or such a one
// as a string.
func ownID(id []byte) uint64 {
	if len(id) > 2 && id[0] == '"' {
		id = id[1 : len(id)-1]
	}
	return unsigned(id)
}

// unsigned reads digits, 0 for anything else and for what is too large.
func unsigned(b []byte) uint64 {
	n, err := strconv.ParseUint(string(b), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// scanAfter reads the params of a notification.
func (s *Scanner) scanAfter(b []byte, i int, r *Response) (int, error) {
	if i >= len(b) || b[i] != '{' {
		end, _ := skipValue(b, i, s.MaxDepth)
		return end, nil
	}
	var members memberSet
	return s.scanObject(b, i, &members, func(name []byte, start int) (int, error) {
		if string(name) == "afterMs" {
			if after, end, err := scanMillis(b, start); err == nil {
				r.After = after
				return end, nil
			}
		}
		end, _ := skipValue(b, start, s.MaxDepth)
		return end, nil
	})
}

// scanResult reads the member result. Without a type it is data.
func (s *Scanner) scanResult(b []byte, i int, r *Response) (int, error) {
	if i >= len(b) || b[i] != '{' {
		end, _ := skipValue(b, i, s.MaxDepth)
		return end, malformed("result is not an object")
	}
	var (
		members memberSet
		data    []byte
		f       fault
	)
	r.Type = ResultData
	end, err := s.scanObject(b, i, &members, func(name []byte, start int) (end int, err error) {
		switch string(name) {
		case "type":
			var text []byte
			text, end, err = scanText(b, start, "result.type")
			r.Type = resultType(text)
			return end, err
		case "id":
			var text []byte
			text, end, err = scanText(b, start, "result.id")
			if len(text) > procedure.MaxID {
				return end, malformed("result.id is longer than %d bytes", procedure.MaxID)
			}
			r.EventID = string(text)
			return end, err
		case "data":
			if end, f = skipValue(b, start, s.MaxDepth); end > 0 {
				data = b[start:end]
			}
			return end, nil
		case "dropped":
			if end, _ = skipValue(b, start, 1); end > 0 {
				r.Dropped = unsigned(b[start:end])
			}
			return end, nil
		}
		end, _ = skipValue(b, start, s.MaxDepth)
		return end, nil
	})
	if end > 0 && err == nil && data != nil {
		r.Data = s.resultData(data, f, r.EventID != "")
	}
	return end, err
}

func resultType(name []byte) ResultType {
	switch string(name) {
	case "data":
		return ResultData
	case "started":
		return ResultStarted
	case "stopped":
		return ResultStopped
	}
	return ResultUnknown
}

// resultData returns data as a Body. That of a tracked item stands inside of a
// pair with its id.
func (s *Scanner) resultData(data []byte, f fault, tracked bool) procedure.Body {
	if f&tooDeep != 0 { // decoding it would take a stack as deep
		return procedure.Malformed(procedure.Errorf(procedure.CodeParseError, "data is nested deeper than %d", s.MaxDepth))
	}
	if !tracked || data[0] != '{' {
		return procedure.Encoded(data, procedure.JSON)
	}
	var (
		members memberSet
		body    procedure.Body
	)
	s.scanObject(data, 0, &members, func(name []byte, start int) (int, error) {
		end, _ := skipValue(data, start, s.MaxDepth)
		if string(name) == "data" {
			body = procedure.Encoded(data[start:end], procedure.JSON)
		}
		return end, nil
	})
	return body
}

// scanError reads an error object. What is wrong with it makes it poorer.
func scanError(b []byte, maxDepth int) *procedure.Error {
	e := &procedure.Error{Code: procedure.CodeInternalServerError}
	s := Scanner{MaxDepth: maxDepth}
	if _, f := skipValue(b, 0, maxDepth); b[0] != '{' || f&tooDeep != 0 {
		return e
	}
	var (
		members memberSet
		number  int
		named   bool
	)
	s.scanObject(b, 0, &members, func(name []byte, start int) (int, error) {
		end, _ := skipValue(b, start, maxDepth)
		value := b[start:end]
		switch string(name) {
		case "message":
			e.Message = text(value)
		case "code":
			number, _ = strconv.Atoi(string(value))
		case "data":
			named = scanErrorData(&s, value, e)
		}
		return end, nil
	})
	if !named {
		e.Code = codeOf(number)
	}
	return e
}

// scanErrorData reads error.data, and reports whether it names the code.
func scanErrorData(s *Scanner, b []byte, e *procedure.Error) (named bool) {
	if b[0] != '{' {
		return false
	}
	var (
		members memberSet
		own     = map[string]any{}
	)
	s.scanObject(b, 0, &members, func(name []byte, start int) (int, error) {
		end, _ := skipValue(b, start, s.MaxDepth)
		value := b[start:end]
		switch string(name) {
		case "code":
			if c := text(value); c != "" {
				e.Code, named = procedure.Code(c), true
			}
		case "httpStatus", "path":
		case "logId":
			e.LogID = text(value)
		case "retryAfterMs":
			if ms, err := strconv.ParseUint(string(value), 10, 31); err == nil {
				e.RetryAfter = time.Duration(ms) * time.Millisecond
			}
		case "fields":
			_ = procedure.JSON.Decode(value, &e.Fields, false)
		default:
			var v any
			if procedure.JSON.Decode(value, &v, false) == nil {
				own[string(name)] = v
			}
		}
		return end, nil
	})
	if len(own) > 0 {
		e.Data = own
	}
	return named
}

// text returns the text of a JSON string, "" for anything else.
func text(value []byte) string {
	if value[0] != '"' {
		return ""
	}
	s, _ := unquote(value)
	return string(s)
}

// codeOf returns the code of a JSON-RPC number. Five share -32603, of which it
// is the internal error.
func codeOf(number int) procedure.Code {
	for _, c := range []procedure.Code{
		procedure.CodeParseError, procedure.CodeBadRequest, procedure.CodeUnauthorized, procedure.CodePaymentRequired,
		procedure.CodeForbidden, procedure.CodeNotFound, procedure.CodeMethodNotSupported, procedure.CodeTimeout,
		procedure.CodeConflict, procedure.CodePreconditionFailed, procedure.CodePayloadTooLarge,
		procedure.CodeUnsupportedMediaType, procedure.CodeUnprocessableContent, procedure.CodePreconditionRequired,
		procedure.CodeTooManyRequests, procedure.CodeClientClosedRequest,
	} {
		if c.Number() == number {
			return c
		}
	}
	return procedure.CodeInternalServerError
}
