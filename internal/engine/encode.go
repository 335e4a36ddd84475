package engine

import (
	"strconv"
	"time"

	"github.com/zapsocket/zapsocket/procedure"
)

// The frames of a server. Each is one JSON object, spliced of constant parts,
// the id as it came and payloads that are encoded already.

const (
	dataPart    = `,"result":{"type":"data"`
	startedPart = `,"result":{"type":"started"`
	stoppedPart = `,"result":{"type":"stopped"}}`
)

// Bare text messages of the keep-alive, and the notification that asks a
// client to move to a new connection.
const (
	Ping      = "PING"
	Pong      = "PONG"
	Reconnect = `{"id":null,"method":"reconnect"}`
)

// appendID opens a frame.
func appendID(dst []byte, id ID, jsonrpc bool) []byte {
	dst = append(dst, `{"id":`...)
	if id == nil {
		dst = append(dst, "null"...)
	} else {
		dst = append(dst, id...)
	}
	if jsonrpc {
		dst = append(dst, `,"jsonrpc":"2.0"`...)
	}
	return dst
}

// AppendAnswer appends the answer to a query or mutation. Payload appends the
// encoded output; if it appends nothing the answer has no data.
func AppendAnswer(dst []byte, id ID, jsonrpc bool, payload func(dst []byte) ([]byte, error)) ([]byte, error) {
	dst = append(appendID(dst, id, jsonrpc), dataPart...)
	bare := len(dst)
	dst = append(dst, `,"data":`...)
	start := len(dst)
	dst, err := payload(dst)
	if err != nil {
		return nil, err
	}
	if len(dst) == start {
		dst = dst[:bare]
	}
	return append(dst, "}}"...), nil
}

// AppendStarted appends the first frame of a subscription. Position, for a
// client of ours, is where to resume if no item comes; "" tells none.
func AppendStarted(dst []byte, id ID, jsonrpc bool, position string) []byte {
	dst = append(appendID(dst, id, jsonrpc), startedPart...)
	if position != "" {
		dst = appendQuoted(append(dst, `,"id":`...), position)
	}
	return append(dst, "}}"...)
}

// AppendStopped appends the last frame of a subscription.
func AppendStopped(dst []byte, id ID, jsonrpc bool) []byte {
	return append(appendID(dst, id, jsonrpc), stoppedPart...)
}

// appendItemHead appends what of a stream's item comes before its payload.
// Prefix is the frame up to and including "type":"data".
func appendItemHead(dst, prefix []byte, item *item) []byte {
	dst = append(dst, prefix...)
	if item.dropped > 0 {
		dst = strconv.AppendUint(append(dst, `,"dropped":`...), item.dropped, 10)
	}
	if item.id != "" {
		dst = appendQuoted(append(dst, `,"id":`...), item.id)
		dst = appendQuoted(append(dst, `,"data":{"id":`...), item.id)
	}
	if len(item.payload) > 0 {
		dst = append(dst, `,"data":`...)
	}
	return dst
}

func itemTail(item *item) string {
	if item.id != "" {
		return "}}}"
	}
	return "}}"
}

// AppendError appends an error frame. Path is that of the call, empty if the
// error belongs to none. It reports whether e.Data could not be told because
// it does not encode to an object.
func AppendError(dst []byte, id ID, jsonrpc bool, path []byte, e *procedure.Error) (_ []byte, lost bool) {
	dst = append(appendID(dst, id, jsonrpc), `,"error":{"message":`...)
	dst = appendQuoted(dst, e.Message)
	dst = strconv.AppendInt(append(dst, `,"code":`...), int64(e.Code.Number()), 10)
	dst = appendQuoted(append(dst, `,"data":{"code":`...), string(e.Code))
	dst = strconv.AppendInt(append(dst, `,"httpStatus":`...), int64(e.Code.HTTPStatus()), 10)
	if len(path) > 0 {
		dst = appendQuoted(append(dst, `,"path":`...), string(path))
	}
	if e.LogID != "" {
		dst = appendQuoted(append(dst, `,"logId":`...), e.LogID)
	}
	if e.RetryAfter > 0 {
		dst = strconv.AppendInt(append(dst, `,"retryAfterMs":`...), int64((e.RetryAfter+time.Millisecond-1)/time.Millisecond), 10)
	}
	if len(e.Fields) > 0 {
		dst = append(dst, `,"fields":`...)
		if with, err := procedure.JSON.Append(dst, e.Fields); err == nil {
			dst = with
		} else { // a path or message that is not UTF-8
			dst = append(dst, "[]"...)
		}
	}
	if e.Data != nil {
		var members []byte
		if members, lost = errorData(e.Data); len(members) > 0 {
			dst = append(append(dst, ','), members...)
		}
	}
	return append(dst, "}}}"...), lost
}

// errorData returns the members of data, without braces and without those that
// are ours. Data whose methods panic is lost.
func errorData(data any) (members []byte, lost bool) {
	defer func() {
		if recover() != nil {
			members, lost = nil, true
		}
	}()
	raw, err := procedure.JSON.Append(nil, data)
	if err != nil || len(raw) == 0 || raw[0] != '{' {
		return nil, string(raw) != "null"
	}
	var s Scanner
	s.MaxDepth = 1 << 20 // our own value: any depth
	var seen memberSet
	s.scanObject(raw, 0, &seen, func(name []byte, start int) (int, error) {
		end, _ := skipValue(raw, start, s.MaxDepth)
		switch string(name) {
		case "code", "httpStatus", "path", "logId", "retryAfterMs", "fields":
		default:
			if members != nil {
				members = append(members, ',')
			}
			members = append(appendQuoted(members, string(name)), ':')
			members = append(members, raw[start:end]...)
		}
		return end, nil
	})
	return members, false
}
