package engine

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/zapsocket/zapsocket/procedure"
)

// The frames of a client, spliced as those of a server are.

// A Command is a request as a client makes it.
type Command struct {
	ID    uint64
	Kind  procedure.Kind
	Path  string
	Input []byte // encoded; nil for none

	LastEventID string

	// Two ends of ours only.
	Timeout time.Duration
	Meta    map[string]string
	Credit  int
}

// AppendCommand appends c. A server refuses a Meta that does not fit; see
// [MetaFits].
func AppendCommand(dst []byte, c *Command) []byte {
	dst = strconv.AppendUint(append(dst, `{"id":`...), c.ID, 10)
	dst = append(append(dst, `,"method":"`...), c.Kind.String()...)
	dst = appendQuoted(append(dst, `","params":{"path":`...), c.Path)
	if c.Input != nil {
		dst = append(append(dst, `,"input":`...), c.Input...)
	}
	if c.LastEventID != "" {
		dst = appendQuoted(append(dst, `,"lastEventId":`...), c.LastEventID)
	}
	if c.Timeout > 0 {
		ms := min((c.Timeout+time.Millisecond-1)/time.Millisecond, maxMillis)
		dst = strconv.AppendInt(append(dst, `,"timeoutMs":`...), int64(ms), 10)
	}
	if len(c.Meta) > 0 {
		dst = appendMeta(append(dst, `,"meta":`...), c.Meta)
	}
	if c.Credit > 0 {
		dst = strconv.AppendInt(append(dst, `,"credit":`...), int64(c.Credit), 10)
	}
	return append(dst, "}}"...)
}

// appendMeta appends meta in the order of its names, so that equal requests
// are equal on the wire.
func appendMeta(dst []byte, meta map[string]string) []byte {
	dst = append(dst, '{')
	for i, name := range slices.Sorted(maps.Keys(meta)) {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendQuoted(dst, name), ':')
		dst = appendQuoted(dst, meta[name])
	}
	return append(dst, '}')
}

// MetaFits reports whether a server accepts meta. Names must be UTF-8, or two
// of them might be the same on the wire, and hold no NUL.
func MetaFits(meta map[string]string) bool {
	for name := range meta {
		if !utf8.ValidString(name) || strings.IndexByte(name, 0) >= 0 {
			return false
		}
	}
	return len(appendMeta(nil, meta)) <= maxMeta
}

// AppendStop appends what ends a subscription.
func AppendStop(dst []byte, id uint64) []byte {
	return append(strconv.AppendUint(append(dst, `{"id":`...), id, 10), `,"method":"subscription.stop"}`...)
}

// AppendCancel appends what cancels a query or mutation.
func AppendCancel(dst []byte, id uint64) []byte {
	return append(strconv.AppendUint(append(dst, `{"id":`...), id, 10), `,"method":"cancel"}`...)
}

// AppendCredit appends what allows a subscription n more items.
func AppendCredit(dst []byte, id uint64, n int) []byte {
	dst = append(strconv.AppendUint(append(dst, `{"id":`...), id, 10), `,"method":"subscription.credit","params":{"n":`...)
	return append(strconv.AppendInt(dst, int64(n), 10), "}}"...)
}

// AppendParams appends the connection params message.
func AppendParams(dst []byte, params map[string]string) []byte {
	dst = appendMeta(append(dst, `{"method":"connectionParams","data":`...), params)
	return append(dst, '}')
}
