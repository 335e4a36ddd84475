package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/examples/chat/chatapi"
	"github.com/zapsocket/zapsocket/examples/chat/server"
	"github.com/zapsocket/zapsocket/examples/chat/terminal"
	"github.com/zapsocket/zapsocket/procedure"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start serves a chat on the loopback, until the test ends, and returns where.
func start(t *testing.T) (addr string) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { // ends with ctx
		served <- serveOn(ctx, ln, server.Options{Burst: 1000, Log: slog.New(slog.DiscardHandler)})
	}()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-served)
	})
	return ln.Addr().String()
}

// A member is somebody in the lobby, who writes down what is said.
type member struct {
	t          *testing.T
	name       string
	client     *client.Client
	said       chan chatapi.Message
	transcript []chatapi.Message
}

// enter has somebody enter the lobby, until the test ends.
func enter(t *testing.T, url, name string) *member {
	c, err := client.Dial(t.Context(), url, &client.Options{
		Params: map[string]string{"name": name, "token": "the secret of " + name},
	})
	require.NoError(t, err)
	m := &member{t: t, name: name, client: c, said: make(chan chatapi.Message, 1000)}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { // ends with ctx
		done <- terminal.Follow(ctx, c, "lobby", "", func(_ string, said chatapi.Message) { m.said <- said }, func() {
			t.Error(name, "is told that something may be missing")
		})
	}()
	t.Cleanup(func() {
		cancel()
		require.ErrorIs(t, <-done, context.Canceled)
		require.NoError(t, c.Close())
	})
	return m
}

func (m *member) say(text string) {
	require.NoError(m.t, terminal.Say(m.t.Context(), m.client, "lobby", text))
}

// hear writes down the next n messages.
func (m *member) hear(n int) {
	for range n {
		m.transcript = append(m.transcript, <-m.said)
	}
}

// each has all do something at the same time.
func each(members []*member, do func(m *member)) {
	var all sync.WaitGroup
	for _, m := range members {
		all.Go(func() { do(m) })
	}
	all.Wait()
}

// Five people talk, one of them through a network that is cut in the middle.
// In the end that one has the same transcript as the others, and so has one
// who comes late.
func TestAConversationOfFive(t *testing.T) {
	addr := start(t)
	network := newProxy(t, addr, nil)
	cyd := enter(t, network.url(), "cyd")
	members := []*member{cyd}
	for _, name := range []string{"ada", "bob", "dan", "eve"} {
		members = append(members, enter(t, "ws://"+addr, name))
	}
	others := members[1:]

	each(members, func(m *member) { m.say(m.name + " is here"); m.say("hello from " + m.name) })
	each(members, func(m *member) { m.hear(10) })

	network.cut()
	var typed sync.WaitGroup
	typed.Go(func() { cyd.say("where are you all") }) // ends when the network is up again
	each(others, func(m *member) { m.say(m.name + " asks where cyd is"); m.say(m.name + " waits") })
	each(others, func(m *member) { m.hear(8) })
	require.Empty(t, cyd.said)
	network.mend()
	typed.Wait()
	each(members, func(m *member) { m.say(m.name + " leaves") })
	each(others, func(m *member) { m.hear(6) })
	cyd.hear(14)

	fay := enter(t, "ws://"+addr, "fay")
	fay.hear(24)
	for _, m := range append(others, cyd, fay) {
		require.Equal(t, others[0].transcript, m.transcript, m.name)
		require.Empty(t, m.said, m.name)
	}
	once := map[string]int{}
	for _, said := range fay.transcript {
		once[said.Text]++
	}
	require.Len(t, once, 24)
	require.Equal(t, "where are you all", fay.transcript[18].Text, "it came when the network was back, and all had been said")
}

// Wherever in the traffic the network is cut, also between a post and its
// answer, what is said is heard once by everybody, and in the order in which it
// was said.
func TestCutsAnywhere(t *testing.T) {
	addr := start(t)
	r := rand.New(rand.NewPCG(1, 2))
	var cuts atomic.Int64
	network := newProxy(t, addr, func() int64 {
		cuts.Add(1)
		return 2000 + r.Int64N(2000) // to connect takes less than half of that, so no line is cut three times
	})
	ada, cyd := enter(t, "ws://"+addr, "ada"), enter(t, network.url(), "cyd")
	var want []string
	for n := range 60 {
		want = append(want, fmt.Sprint("line ", n))
		cyd.say(want[n])
		cyd.hear(1)
	}
	ada.hear(len(want))
	require.Equal(t, ada.transcript, cyd.transcript)
	for n, said := range ada.transcript {
		require.Equal(t, want[n], said.Text)
	}
	require.Empty(t, ada.said)
	require.Empty(t, cyd.said)
	require.Greater(t, cuts.Load(), int64(5), "the network was not cut often")
}

// The commands find each other over a socket.
func TestJoin(t *testing.T) {
	url := "ws://" + start(t)
	ada := enter(t, url, "ada")
	in, keys := io.Pipe()
	joined := make(chan error, 1)
	go func() { // ends with keys
		joined <- run(t.Context(), []string{"join", "-url", url, "-name", "bob"}, in, io.Discard)
	}()
	for here, err := range chatapi.Present.Subscribe(t.Context(), ada.client, chatapi.RoomIn{Room: "lobby"}) {
		require.NoError(t, err)
		if len(here) == 2 {
			break
		}
	}
	io.WriteString(keys, "hello\r")
	ada.hear(1)
	require.Equal(t, "bob", ada.transcript[0].From)
	keys.Close()
	require.NoError(t, <-joined)
}

func TestJoinSaysWhatIsWrong(t *testing.T) {
	url := "ws://" + start(t)
	for args, want := range map[string]error{
		"join -url " + url:                 procedure.CodeBadRequest,
		"join -name ada -url " + url + "1": procedure.CodeServiceUnavailable,
	} {
		require.ErrorIs(t, run(t.Context(), strings.Fields(args), strings.NewReader(""), io.Discard), want, args)
	}
	require.ErrorContains(t, run(t.Context(), nil, nil, nil), "serve and join")
}
