package client_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/wire"
)

// A stage is where a client meets servers that do what a test says, inside a
// synctest bubble. It writes down all that happens, with its virtual time.
type stage struct {
	t      *testing.T
	client *client.Client
	setup  stageSetup
	log    journal

	readers sync.WaitGroup

	mu      sync.Mutex
	servers []*scripted
	refusal error // of attempts to connect; nil: they succeed
	callers map[string]*caller
}

// A stageSetup says how a stage differs from the plainest one: servers of ours
// that say nothing on their own.
type stageSetup struct {
	options client.Options
	plain   bool // the servers are not ours
	pong    bool // they answer PING
	unread  bool // they do not read until they are asked to
	wrap    func(name string, conn wire.Conn) wire.Conn
}

// newStage returns a stage whose client is connected to a first server.
func newStage(t *testing.T, setup stageSetup) *stage {
	s := &stage{t: t, setup: setup, callers: map[string]*caller{}}
	s.log.begun = time.Now()
	o := setup.options
	if o.Redial == nil {
		o.Redial = s.dial
	}
	if o.Backoff == nil {
		o.Backoff = func(attempt int) time.Duration { return time.Duration(attempt) * 100 * time.Millisecond }
	}
	if o.OnState == nil {
		o.OnState = func(st client.State) { s.log.add("S:", describe(st)) }
	}
	s.client = client.New(s.open(), &o)
	t.Cleanup(func() {
		s.client.Close()
		s.mu.Lock()
		for _, c := range s.callers {
			c.cancel() // a slow loop waits to be told
			<-c.done
		}
		for _, server := range s.servers {
			server.end(wire.CloseAbnormal, "")
		}
		s.mu.Unlock()
		s.readers.Wait()
	})
	synctest.Wait()
	return s
}

func describe(st client.State) string {
	text := st.Status.String()
	if st.Attempt > 0 {
		text += fmt.Sprintf(", attempt %d", st.Attempt)
	}
	if st.Cause != nil {
		text += ": " + st.Cause.Error()
	}
	return text
}

// dial is the client's Redial.
func (s *stage) dial(_ context.Context, attempt int) (wire.Conn, error) {
	s.mu.Lock()
	refusal := s.refusal
	s.mu.Unlock()
	if refusal != nil {
		s.log.add("D:", fmt.Sprintf("attempt %d is refused", attempt))
		return nil, refusal
	}
	s.log.add("D:", fmt.Sprintf("attempt %d", attempt))
	return s.open(), nil
}

// refuse makes attempts to connect fail with err, and succeed for nil.
func (s *stage) refuse(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refusal = err
}

// serverNames are those of the protocol's traces: the old one and the new one.
const serverNames = "ONPQRTUVWXYZ"

// open starts a further server and returns the client's way to it.
func (s *stage) open() wire.Conn {
	near, far := wire.Pipe()
	s.mu.Lock()
	server := &scripted{s: s, name: string(serverNames[len(s.servers)%len(serverNames)]), conn: far}
	s.servers = append(s.servers, server)
	s.mu.Unlock()
	if !s.setup.unread {
		server.read()
	}
	switch {
	case s.setup.plain:
		return plainConn{near}
	case s.setup.wrap != nil:
		return s.setup.wrap(server.name, near)
	}
	return near
}

// A plainConn is a connection to a server that speaks tRPC and no more.
type plainConn struct{ *wire.PipeConn }

func (plainConn) Subprotocol() string { return "" }

// server returns the one of a name, of which there may have been several: then
// the last.
func (s *stage) server(name string) *scripted {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, server := range slices.Backward(s.servers) {
		if server.name == name {
			return server
		}
	}
	require.FailNow(s.t, "there is no server "+name)
	return nil
}

// A scripted is the server's end of a connection.
type scripted struct {
	s     *stage
	name  string
	conn  *wire.PipeConn
	count int // of items it has numbered

	mu     sync.Mutex
	silent bool // answers no PING any more
	ended  bool // has closed the connection itself
	frames []string
}

// read takes what the client sends from now on.
func (p *scripted) read() {
	p.s.readers.Go(func() { // ends when the connection is closed
		for {
			frame, err := p.conn.Read(context.Background())
			if err != nil {
				var closed *wire.CloseError
				if errors.As(err, &closed) && !p.hasEnded() {
					p.s.log.add(p.name+" ->", strings.TrimSpace(fmt.Sprintf("close %d %s", closed.Code, closed.Reason)))
				}
				return
			}
			p.take(string(frame))
		}
	})
}

func (p *scripted) take(frame string) {
	p.s.log.add(p.name+" ->", frame)
	p.mu.Lock()
	p.frames = append(p.frames, frame)
	answers := p.s.setup.pong && !p.silent
	p.mu.Unlock()
	if frame == "PING" && answers {
		p.s.log.add(p.name+" <=", "PONG")
		p.conn.Write(context.Background(), []byte("PONG"))
	}
}

// got returns what the client has sent since the last got.
func (p *scripted) got() []string {
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	frames := p.frames
	p.frames = nil
	return frames
}

// send sends frames and waits until the client has done all it can.
func (p *scripted) send(frames ...string) {
	p.s.t.Helper()
	for _, f := range frames {
		require.NoError(p.s.t, p.conn.Write(context.Background(), []byte(f)))
	}
	synctest.Wait()
}

// end ends the connection. What the client says then is not heard.
func (p *scripted) end(code int, reason string) {
	p.mu.Lock()
	p.ended = true
	p.mu.Unlock()
	p.conn.Close(code, reason)
}

func (p *scripted) hasEnded() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ended
}

// close is end, and waits until the client has done all it can.
func (p *scripted) close(code int, reason string) {
	p.end(code, reason)
	synctest.Wait()
}

// cut ends it without a word.
func (p *scripted) cut() { p.close(wire.CloseAbnormal, "") }

// A journal is what has happened, in order.
type journal struct {
	begun time.Time

	mu      sync.Mutex
	entries []entry
}

type entry struct {
	at        time.Duration
	who, what string
}

func (j *journal) add(who, what string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.entries = append(j.entries, entry{time.Since(j.begun), who, what})
}

// take returns what has happened since the last take. What happens at one
// instant has no order but that of each server, and of each caller: the callers
// come last, by their labels.
func (j *journal) take() []entry {
	j.mu.Lock()
	defer j.mu.Unlock()
	entries := j.entries
	j.entries = nil
	slices.SortStableFunc(entries, func(a, b entry) int {
		if a.at != b.at {
			return int(a.at - b.at)
		}
		if byWho := rank(a.who) - rank(b.who); byWho != 0 || a.who != "C:" {
			return byWho
		}
		return strings.Compare(label(a.what), label(b.what))
	})
	return entries
}

func label(what string) string {
	first, _, _ := strings.Cut(what, " ")
	return first
}

// rank puts servers before states, and callers last.
func rank(who string) int {
	switch {
	case who == "D:":
		return 100
	case who == "S:":
		return 101
	case who == "C:":
		return 102
	}
	return strings.IndexByte(serverNames, who[0])
}

// closes returns how the client has closed its connections to a server.
func (s *stage) closes(name string) (closes []string) {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	for _, e := range s.log.entries {
		if e.who == name+" ->" && strings.HasPrefix(e.what, "close ") {
			closes = append(closes, e.what)
		}
	}
	return closes
}
