package transport_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/tools/txtar"

	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/transport"
	"github.com/zapsocket/zapsocket/wire"
)

var update = flag.Bool("update", false, "write what the server sends into testdata")

// Each file of testdata is a conversation:
//
//	> what the client sends         . a time that passes
//	< what the server sends         ! what the application does
//
// A file has a comment, a section "connection" with the request line and header
// of the upgrade, and a section "transcript". What the server sends between two
// steps is sorted by id, because calls run concurrently; under one id it keeps
// its order. UUIDs read UUID.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			require.NoError(t, err)
			require.Len(t, archive.Files, 2)
			steps := string(archive.Files[1].Data)
			var got string
			synctest.Test(t, func(t *testing.T) { got = converse(t, string(archive.Files[0].Data), steps) })
			if *update {
				archive.Files[1].Data = []byte(got)
				require.NoError(t, os.WriteFile(file, txtar.Format(archive), 0o644))
				return
			}
			require.Equal(t, steps, got)
		})
	}
}

// converse plays the client's lines of a transcript against a server, and
// returns the transcript as it went.
func converse(t *testing.T, connection, steps string) string {
	hub := transport.NewHub()
	server := transport.NewServer(testRouter(hub), &transport.ServerOptions{
		Hub:          hub,
		Authenticate: authenticate,
		Logger:       slog.New(slog.DiscardHandler),
	})
	near, far := wire.Pipe()
	served := make(chan error, 1)
	go func() {
		served <- server.ServeConn(t.Context(), far, &transport.Handshake{Request: upgradeRequest(connection)})
	}()

	var received inbox
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		for {
			frame, err := near.Read(context.Background())
			var ce *wire.CloseError
			switch {
			case errors.As(err, &ce):
				received.add(fmt.Sprintf("close %d %s", ce.Code, ce.Reason))
				return
			case err != nil:
				return
			}
			received.add(string(frame))
		}
	}()

	var out strings.Builder
	for line := range strings.Lines(steps) {
		if strings.HasPrefix(line, "<") {
			continue
		}
		out.WriteString(line)
		step := strings.TrimSuffix(line, "\n")
		if step == "" || step[0] == '#' {
			continue
		}
		act(t, step, near, server, hub)
		synctest.Wait()
		for _, frame := range inOrder(received.take()) {
			out.WriteString("< " + normalise(frame) + "\n")
		}
	}
	near.Close(wire.CloseNormal, "")
	<-closed
	<-served
	return out.String()
}

// large stands for text that nobody wants to read in a transcript.
var large = strings.NewReplacer(`<TOOBIG>`, strings.Repeat("x", 4<<20), `<1MB>`, strings.Repeat("x", 1<<20+64<<10))

// act does one step.
func act(t *testing.T, step string, conn wire.Conn, server *transport.Server, hub *transport.Hub) {
	rest := strings.TrimPrefix(step[1:], " ")
	switch step[0] {
	case '>':
		if reason, ok := strings.CutPrefix(rest, "close "); ok {
			conn.Close(wire.CloseNormal, reason)
			return
		}
		conn.Write(context.Background(), []byte(large.Replace(rest)))
	case '.':
		d, err := time.ParseDuration(rest)
		require.NoError(t, err)
		time.Sleep(d)
	case '!':
		verb, arg, _ := strings.Cut(rest, " ")
		switch verb {
		case "push":
			_, err := alert.Push(context.Background(), hub, arg)
			require.NoError(t, err)
		case "shutdown":
			d, err := time.ParseDuration(arg)
			require.NoError(t, err)
			ctx, cancel := context.WithTimeout(context.Background(), d)
			go func() { // ends with ctx
				defer cancel()
				server.Shutdown(ctx)
			}()
		case "close":
			hub.Close(4000, arg)
		default:
			require.Fail(t, "unknown step", step)
		}
	default:
		require.Fail(t, "unknown step", step)
	}
}

// authenticate knows who brings which token.
func authenticate(ctx context.Context, h *transport.Handshake) (procedure.Identity, error) {
	switch token := h.Params["token"]; token {
	case "":
		return procedure.Identity{}, nil
	case "refused":
		return procedure.Identity{}, transport.Refuse(procedure.Errorf(procedure.CodeForbidden, "not you"))
	case "panic":
		panic(errSecret)
	case "slow":
		return procedure.Identity{UserID: token}, sleep(ctx, 3000)
	case "stuck":
		<-ctx.Done()
		return procedure.Identity{}, ctx.Err()
	case "unknown":
		return procedure.Identity{}, procedure.Errorf(procedure.CodeUnauthorized, "unknown token")
	default:
		return procedure.Identity{UserID: token}, nil
	}
}

// upgradeRequest makes a request of its first line and header.
func upgradeRequest(text string) *http.Request {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	method, target, _ := strings.Cut(lines[0], " ")
	r := httptest.NewRequest(method, target, nil)
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Add(name, value)
	}
	return r
}

// inOrder sorts frames by id. Frames without one, and PONG, stay where the
// first of them was: at the front.
func inOrder(frames []string) []string {
	id := func(frame string) string {
		var f struct{ ID json.RawMessage }
		if json.Unmarshal([]byte(frame), &f) != nil || bytes.Equal(f.ID, []byte("null")) {
			return ""
		}
		return string(f.ID)
	}
	sorted := slices.Clone(frames)
	closing := len(sorted) > 0 && strings.HasPrefix(sorted[len(sorted)-1], "close ")
	if closing {
		defer func(last string) { sorted[len(sorted)-1] = last }(sorted[len(sorted)-1])
		sorted = sorted[:len(sorted)-1]
	}
	slices.SortStableFunc(sorted, func(a, b string) int { return strings.Compare(id(a), id(b)) })
	if closing {
		sorted = append(sorted, "")
	}
	return sorted
}

var uuids = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

// normalise makes a frame the same in each run, and long ones short.
func normalise(frame string) string {
	frame = uuids.ReplaceAllString(frame, "UUID")
	if len(frame) > 1000 {
		frame = fmt.Sprintf("%s... (%d bytes)", frame[:60], len(frame))
	}
	return frame
}
