package engine_test

import (
	"encoding/binary"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/internal/engine"
)

// A sink is the other end: it takes bytes while it is open. Its messages have
// their lengths before them.
type sink struct {
	mu    sync.Mutex
	moved sync.Cond
	shut  bool
	most  int // bytes that TryWrite takes, and Write at a time: any if 0
	err   error
	taken []byte
}

func newSink() *sink {
	s := new(sink)
	s.moved.L = &s.mu
	return s
}

// Seal has nothing to add.
func (s *sink) Seal([]byte) {}

func (s *sink) AppendHeader(dst []byte, n int) []byte {
	return binary.BigEndian.AppendUint16(dst, uint16(n))
}

func (s *sink) TryWrite(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil || s.shut {
		return 0, s.err
	}
	if s.most > 0 && len(p) > s.most {
		p = p[:s.most]
	}
	s.taken = append(s.taken, p...)
	return len(p), nil
}

func (s *sink) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.shut && s.err == nil {
		s.moved.Wait()
	}
	if s.err != nil {
		return 0, s.err
	}
	s.taken = append(s.taken, p...)
	return len(p), nil
}

func (s *sink) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
	s.moved.Broadcast()
}

func (s *sink) close()         { s.set(func() { s.shut = true }) }
func (s *sink) open()          { s.set(func() { s.shut = false }) }
func (s *sink) fail(err error) { s.set(func() { s.err = err }) }

// messages takes what has arrived apart.
func (s *sink) messages(t require.TestingT) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var got []string
	for b := s.taken; len(b) > 0; {
		require.GreaterOrEqual(t, len(b), 2)
		n := int(binary.BigEndian.Uint16(b))
		require.GreaterOrEqual(t, len(b), 2+n, "half a message")
		got = append(got, string(b[2:2+n]))
		b = b[2+n:]
	}
	return got
}

// control is a message as Control takes it: whole.
func control(text string) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(text))), text...)
}

// item is the frame of a stream's item.
func item(id, data string) string {
	return `{"id":` + id + `,"result":{"type":"data","data":` + data + `}}`
}

func started(id string) string { return `{"id":` + id + `,"result":{"type":"started"}}` }

const mark = 1 << 10

func newQueue(s *sink, change ...func(*engine.QueueConfig)) *engine.Queue {
	c := engine.QueueConfig{Sink: s, Mark: mark, StreamItems: 4, StreamBytes: 1 << 20}
	for _, f := range change {
		f(&c)
	}
	return engine.NewQueue(c)
}

// fill queues as much as there is room for, while the sink is shut.
func fill(t *testing.T, q *engine.Queue) {
	require.NoError(t, q.Send([]byte(filler)))
	require.False(t, q.Room())
}

var filler = strings.Repeat("x", mark)
