package client_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/wire"
)

const echo procedure.Query[string, string] = "echo"

// A server closes a connection on which an input is too large, so that is not
// sent. The limit counts the input as it is on the wire.
func TestInputIsBounded(t *testing.T) {
	t.Parallel()
	const byDefault = 4<<20 - 64<<10
	for _, tt := range []struct {
		limits   wire.Limits
		sent     int // so much is sent
		tooLarge int // and this is not; 0: nothing is
	}{
		{wire.Limits{Input: 100}, 100, 101},
		{wire.Limits{}, 1 << 20, byDefault + 1},
		{wire.Limits{Input: -1}, byDefault + 1, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newStage(t, stageSetup{options: client.Options{Limits: tt.limits}})
			call := func(size int) error {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				input := procedure.Encoded(bytes.Repeat([]byte("1"), size), procedure.JSON)
				return s.client.ServeRPC(ctx, &procedure.Request{Name: "a", Kind: procedure.KindQuery, Input: input}, nil)
			}
			require.ErrorIs(t, call(tt.sent), procedure.CodeTimeout, "it was sent")
			require.Len(t, s.server("O").got(), 1)
			if tt.tooLarge > 0 {
				require.ErrorIs(t, call(tt.tooLarge), procedure.CodePayloadTooLarge)
				require.Empty(t, s.server("O").got())
				require.Zero(t, s.client.Stats().Calls)
			}
		})
	}
}

// Metadata that a server would take for a malformed message, which it answers
// with the id null, fails its call instead of leaving it without an answer.
func TestMetaIsBounded(t *testing.T) {
	const around = len(`{"k":""}`)
	for _, tt := range []struct {
		name string
		meta map[string]string
		ok   bool
	}{
		{"none", nil, true},
		{"4 KiB", map[string]string{"k": strings.Repeat("x", 4<<10-around)}, true},
		{"more", map[string]string{"k": strings.Repeat("x", 4<<10-around+1)}, false},
		{"more, escaped", map[string]string{"k": strings.Repeat("\n", 2<<10-around/2+1)}, false},
		{"any value", map[string]string{"k": "\x00\xff\"\\\u2028"}, true},
		{"an empty name", map[string]string{"": "x"}, true},
		{"NUL in a name", map[string]string{"k\x00": "x"}, false},
		{"a name that is not UTF-8", map[string]string{"\xff": "1", "\xfe": "2"}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t, stageSetup{})
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				err := s.client.ServeRPC(ctx, &procedure.Request{Name: "a", Kind: procedure.KindQuery, Meta: tt.meta}, nil)
				if tt.ok {
					require.ErrorIs(t, err, procedure.CodeTimeout, "it was sent")
					require.Len(t, s.server("O").got(), 1)
				} else {
					require.ErrorIs(t, err, procedure.CodeBadRequest)
					require.Empty(t, s.server("O").got())
				}
			})
		})
	}
}

// An input that does not encode is the caller's mistake.
func TestInputThatDoesNotEncode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, stageSetup{})
		_, err := procedure.Query[func(), string]("a").Call(t.Context(), s.client, func() {})
		require.ErrorIs(t, err, procedure.CodeBadRequest)
		_, err = echo.Call(t.Context(), s.client, "\xff")
		require.ErrorIs(t, err, procedure.CodeBadRequest)
		refused := procedure.Malformed(procedure.Errorf(procedure.CodePayloadTooLarge, "refused before"))
		err = s.client.ServeRPC(t.Context(), &procedure.Request{Name: "a", Kind: procedure.KindQuery, Input: refused}, nil)
		require.ErrorIs(t, err, procedure.CodePayloadTooLarge)
		require.Empty(t, s.server("O").got())
	})
}

// A message that is too large ends the connection. What caused it is asked
// again, but not for ever.
func TestMessageIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, stageSetup{options: client.Options{Limits: wire.Limits{Message: 100}}})
		q := s.start("query q a")
		answer := func(id, size int) string {
			frame := fmt.Sprintf(`{"id":%d,"result":{"data":""}}`, id)
			return strings.Replace(frame, `""`, `"`+strings.Repeat("x", size-len(frame))+`"`, 1)
		}
		s.server("O").send(answer(9, 100))
		require.EqualValues(t, 1, s.client.Stats().Ignored)
		for i, name := range []string{"O", "N", "P"} {
			require.Len(t, s.server(name).got(), 1)
			s.server(name).send(answer(i+1, 101))
			require.Equal(t, []string{"close 1009 message is too large"}, s.closes(name))
			time.Sleep(time.Second)
		}
		require.ErrorIs(t, q.wait(), client.ErrConnectionLost)
		require.ErrorContains(t, q.err, "message is too large")
	})
}

// A server may not flood a client with PINGs, nor send what is no text.
func TestFloodOfPings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, stageSetup{options: client.Options{Limits: wire.Limits{PingBurst: 3, PingRate: 1}}})
		s.server("O").send("PING", "PING", "PING")
		require.Equal(t, []string{"PONG", "PONG", "PONG"}, s.server("O").got())
		time.Sleep(time.Second)
		s.server("O").send("PING", "PING")
		require.Equal(t, []string{"close 1008 too many PINGs"}, s.closes("O"))
	})
}

// A message that is not UTF-8 ends the connection.
func TestMessageThatIsNotUTF8(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, stageSetup{})
		s.server("O").send("{\"method\":\"\xff\"}")
		require.Equal(t, []string{"close 1007 message is not UTF-8"}, s.closes("O"))
	})
}
