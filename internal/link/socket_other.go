//go:build !unix && !js

package link

// polls says whether a RawConn reads and writes without waiting.
const polls = false

// TryWrite leaves all to Write.
func (s sink) TryWrite([]byte) (int, error) { return 0, nil }

type (
	aheadReader struct{}
	tryWriter   struct{}
)

// readAhead is not called where there is no RawConn.
func (s *Socket) readAhead() (int, error) { panic("unreachable") }
