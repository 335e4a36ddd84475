package client_test

import (
	"context"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/wire"
)

// What internal/jstest/lib/trpcserver.mjs serves.
const (
	nodeSame    procedure.Query[any, any]                    = "same"
	nodeWhoAmI  procedure.Query[struct{}, map[string]string] = "whoami"
	nodeGreet   procedure.Query[nodeGreetIn, string]         = "greet"
	nodeFail    procedure.Query[nodeFailIn, string]          = "fail"
	nodeCrash   procedure.Query[struct{}, string]            = "crash"
	nodeWait    procedure.Query[nodeWaitIn, int]             = "wait"
	nodeWrite   procedure.Mutation[nodeWaitIn, int]          = "write"
	nodeNothing procedure.Mutation[struct{}, struct{}]       = "nothing"
	nodeNil     procedure.Mutation[struct{}, *string]        = "nil"
	nodeApply   procedure.Mutation[struct{}, int]            = "increment"
	nodeBelow   procedure.Subscription[nodeBelowIn, int]     = "below"
	nodeNumbers procedure.Subscription[nodeNumbersIn, int]   = "naturals"
	nodeBreaks  procedure.Subscription[struct{}, string]     = "breaks"
)

type (
	nodeGreetIn struct {
		Name string `json:"name"`
		Age  int    `json:"age"`
	}
	nodeFailIn struct {
		Code    procedure.Code `json:"code"`
		Message string         `json:"message"`
	}
	nodeWaitIn struct {
		MS int `json:"ms"`
	}
	nodeBelowIn struct {
		N int `json:"n"`
	}
	nodeNumbersIn struct {
		EveryMS int `json:"everyMs"`
		LagMS   int `json:"lagMs"`
	}
)

// The client against a stock server. Nothing of what two ends of ours say to
// each other is said to it.
func TestNode(t *testing.T) {
	s := startNode(t, "--ping", "50")
	for _, tt := range []struct {
		name string
		test func(*testing.T, *nodeServer)
	}{
		{"calls", testNodeCalls},
		{"errors", testNodeErrors},
		{"streams", testNodeStreams},
		{"a slow loop", testNodeSlowLoop},
		{"a cut", testNodeCut},
		{"moves", testNodeMoves},
		{"connection params", testNodeParams},
		{"PINGs", testNodePings},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s.restart()
			tt.test(t, s)
		})
	}
	s.requirePlain(t)
}

func testNodeCalls(t *testing.T, s *nodeServer) {
	c := dialLive(t, s.url, nil)
	for _, in := range []any{nil, true, 0.0, -1.5, "", "žluťoučký 漢字 👩‍👩‍👧 \u0000 \u2028 \"\\", []any{}, []any{1.0, nil}, map[string]any{}, map[string]any{"a": []any{map[string]any{"b": nil}}}, strings.Repeat("x", 1<<20)} {
		got, err := nodeSame.Call(t.Context(), c, in)
		require.NoError(t, err)
		require.Equal(t, in, got)
	}
	_, err := nodeNothing.Call(t.Context(), c, struct{}{})
	require.NoError(t, err)
	none, err := nodeNil.Call(t.Context(), c, struct{}{})
	require.NoError(t, err)
	require.Nil(t, none)

	// What a server of ours would be told stays here.
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	err = c.ServeRPC(ctx, &procedure.Request{Name: string(nodeApply), Kind: procedure.KindMutation, Meta: map[string]string{"trace": "1"}},
		func(procedure.Message) error { return nil })
	require.NoError(t, err)
	brief, give := context.WithCancel(t.Context())
	waiting := make(chan error, 1)
	go func() { // ends with its context
		_, err := nodeWait.Call(brief, c, nodeWaitIn{60_000})
		waiting <- err
	}()
	until(t, func() bool {
		return s.count(func(l nodeLine) bool { return l.Frame != nil && strings.Contains(*l.Frame, `"wait"`) }) == 1
	}, "the call to be there")
	give()
	require.ErrorIs(t, <-waiting, procedure.CodeClientClosedRequest)

	var callers sync.WaitGroup
	for i := range 200 {
		callers.Go(func() {
			got, err := nodeSame.Call(ctx, c, i)
			if err != nil || got != float64(i) {
				t.Errorf("%v instead of %d: %v", got, i, err)
			}
		})
	}
	callers.Wait()
	require.Equal(t, client.Stats{Connections: 1}, c.Stats())
	c.Close()
	until(t, func() bool {
		return s.count(func(l nodeLine) bool { return l.Code != nil && *l.Code == wire.CloseNormal }) == 1
	}, "the close")
}

func testNodeErrors(t *testing.T, s *nodeServer) {
	c := dialLive(t, s.url, nil)
	for _, code := range []procedure.Code{
		procedure.CodeParseError, procedure.CodeBadRequest, procedure.CodeInternalServerError, procedure.CodeNotImplemented,
		procedure.CodeBadGateway, procedure.CodeServiceUnavailable, procedure.CodeGatewayTimeout, procedure.CodeUnauthorized,
		procedure.CodePaymentRequired, procedure.CodeForbidden, procedure.CodeNotFound, procedure.CodeMethodNotSupported,
		procedure.CodeTimeout, procedure.CodeConflict, procedure.CodePreconditionFailed, procedure.CodePayloadTooLarge,
		procedure.CodeUnsupportedMediaType, procedure.CodeUnprocessableContent, procedure.CodePreconditionRequired,
		procedure.CodeTooManyRequests, procedure.CodeClientClosedRequest,
	} {
		_, err := nodeFail.Call(t.Context(), c, nodeFailIn{code, "because"})
		require.ErrorIs(t, err, code)
		require.Equal(t, "because", procedure.AsError(err).Message)
	}
	_, err := nodeGreet.Call(t.Context(), c, nodeGreetIn{Name: "x", Age: 200})
	require.ErrorIs(t, err, procedure.CodeBadRequest)
	var issues []struct {
		Code string   `json:"code"`
		Path []string `json:"path"`
	}
	require.NoError(t, json.Unmarshal([]byte(procedure.AsError(err).Message), &issues), "zod's issues are the message")
	require.Len(t, issues, 2)
	require.Equal(t, []string{"name"}, issues[0].Path)
	require.Equal(t, "too_small", issues[0].Code)

	_, err = nodeCrash.Call(t.Context(), c, struct{}{})
	require.ErrorIs(t, err, procedure.CodeInternalServerError)
	require.Equal(t, "something of the server", procedure.AsError(err).Message)
	_, err = procedure.Query[struct{}, string]("no.such").Call(t.Context(), c, struct{}{})
	require.ErrorIs(t, err, procedure.CodeNotFound)
	_, err = procedure.Mutation[any, any](nodeSame).Call(t.Context(), c, nil)
	require.ErrorIs(t, err, procedure.CodeNotFound)
	for _, err := range procedure.Subscription[struct{}, string]("no.such").Subscribe(t.Context(), c, struct{}{}) {
		require.ErrorIs(t, err, procedure.CodeNotFound)
	}
	_, err = nodeSame.Call(t.Context(), c, "still there")
	require.NoError(t, err)
	require.Equal(t, 1, s.count(isOpening))
}

func testNodeStreams(t *testing.T, s *nodeServer) {
	c := dialLive(t, s.url, nil)
	const n = 3000 // below what is kept for a slow loop
	var got []int
	for i, err := range nodeBelow.Subscribe(t.Context(), c, nodeBelowIn{n}) {
		require.NoError(t, err)
		got = append(got, i)
	}
	require.Len(t, got, n)
	require.True(t, slices.IsSorted(got))

	started := 0
	err := c.ServeRPC(t.Context(), &procedure.Request{Name: string(nodeBelow), Kind: procedure.KindSubscription, Input: procedure.Value(nodeBelowIn{0})},
		func(m procedure.Message) error {
			require.Equal(t, procedure.TypeStarted, m.Type)
			started++
			return nil
		})
	require.NoError(t, err)
	require.Equal(t, 1, started)

	var items []string
	var failed error
	for item, err := range nodeBreaks.Subscribe(t.Context(), c, struct{}{}) {
		if failed = err; err == nil {
			items = append(items, item)
		}
	}
	require.Equal(t, []string{"first"}, items)
	require.ErrorIs(t, failed, procedure.CodeForbidden)
	require.Equal(t, "no more for you", procedure.AsError(failed).Message)

	for item, err := range nodeNumbers.Resume(t.Context(), c, nodeNumbersIn{EveryMS: 1}, "41") {
		require.NoError(t, err)
		require.Equal(t, procedure.Tracked[int]{ID: "42", Data: 42}, item)
		break
	}
	until(t, func() bool {
		return s.count(func(l nodeLine) bool { return l.Frame != nil && strings.Contains(*l.Frame, "subscription.stop") }) > 0
	}, "the stop")
}

// A loop that does not keep up with a server that knows no credit is ended.
func testNodeSlowLoop(t *testing.T, s *nodeServer) {
	c := dialLive(t, s.url, &client.Options{Limits: wire.Limits{StreamItems: 4}})
	items := 0
	var failed error
	for _, err := range nodeBelow.Subscribe(t.Context(), c, nodeBelowIn{1000}) {
		if failed = err; err == nil {
			if items++; items == 1 {
				until(t, func() bool { return c.Stats().Subscriptions == 0 }, "the client to give up")
			}
		}
	}
	require.ErrorIs(t, failed, client.ErrSlow)
	require.Less(t, items, 1000)
	_, err := nodeSame.Call(t.Context(), c, "still there")
	require.NoError(t, err)
}

// requireNumbers ranges over numbers without a gap or a repetition, until done
// says so.
func requireNumbers(t *testing.T, c *client.Client, in nodeNumbersIn, done func(last int) bool) {
	t.Helper()
	last := 0
	for item, err := range nodeNumbers.Resume(t.Context(), c, in, "") {
		require.NoError(t, err)
		require.Equal(t, last+1, item.Data)
		if last = item.Data; done(last) {
			return
		}
	}
	require.FailNow(t, "the stream has ended")
}

func testNodeCut(t *testing.T, s *nodeServer) {
	r := startRelay(t, s.addr)
	c := dialLive(t, r.url, &client.Options{Backoff: soon})
	const cuts = 5
	cut, at := 0, 0
	requireNumbers(t, c, nodeNumbersIn{EveryMS: 1}, func(last int) bool {
		if last < at+20 || s.count(isOpening) < cut+1 {
			return false
		}
		if cut == cuts {
			return true
		}
		cut, at = cut+1, last
		r.cutAll()
		return false
	})
	require.Equal(t, cuts+1, s.count(isOpening))
}

// A server that asks to move is left without a gap, without an item twice and
// without a call that fails, though the old connection and the new one have
// the same items for a while.
func testNodeMoves(t *testing.T, s *nodeServer) {
	r := startRelay(t, s.addr)
	var mu sync.Mutex
	sent := map[string]int{} // items, by text
	r.record = func(d direction, message []byte) {
		if d == downwards && strings.Contains(string(message), `"data":{"id"`) {
			mu.Lock()
			defer mu.Unlock()
			_, item, _ := strings.Cut(string(message), `"result"`)
			sent[item]++
		}
	}
	c := dialLive(t, r.url, &client.Options{Backoff: soon})
	waiting := make(chan error, 1)
	const moves = 3
	moved, at := 0, 50
	isClose := func(l nodeLine) bool { return l.Code != nil && *l.Code == wire.CloseNormal }
	requireNumbers(t, c, nodeNumbersIn{EveryMS: 1, LagMS: 50}, func(last int) bool {
		if last == 50 {
			go func() { // ends when it is answered, by the connection that was left
				_, err := nodeWait.Call(t.Context(), c, nodeWaitIn{200})
				waiting <- err
			}()
		}
		if last < at+50 || s.count(isOpening) < moved+1 || s.count(isClose) < moved {
			return false // the move goes on
		}
		if moved == moves {
			return true
		}
		moved, at = moved+1, last
		io.WriteString(s.stdin, "move\n")
		return false
	})
	require.NoError(t, <-waiting)
	require.Equal(t, client.StatusOpen, c.State().Status)
	require.Equal(t, 1, c.Stats().Connections)
	require.Equal(t, moves+1, s.count(isOpening))
	require.Equal(t, moves, s.count(isClose))
	mu.Lock()
	defer mu.Unlock()
	twice := 0
	for _, n := range sent {
		if n > 1 {
			twice++
		}
	}
	require.NotZero(t, twice, "items that both connections had")
	t.Logf("%d items, %d of them twice", len(sent), twice)
}

func testNodeParams(t *testing.T, s *nodeServer) {
	token := "secret"
	c := dialLive(t, s.url, &client.Options{Backoff: soon, Endpoint: func(context.Context, int) (client.Endpoint, error) {
		return client.Endpoint{Params: map[string]string{"token": token}}, nil
	}})
	got, err := nodeWhoAmI.Call(t.Context(), c, struct{}{})
	require.NoError(t, err)
	require.Equal(t, map[string]string{"token": "secret"}, got)

	bad := dialLive(t, s.url, &client.Options{Params: map[string]string{"token": "bad"}, Backoff: func(int) time.Duration { return time.Hour }})
	_, err = nodeWhoAmI.Call(t.Context(), bad, struct{}{})
	require.ErrorIs(t, err, procedure.CodeUnauthorized)
	require.Equal(t, "unknown token", procedure.AsError(err).Message)
	require.ErrorIs(t, awaitState(t, bad, hasCause).Cause, procedure.CodeUnauthorized)

	none := dialLive(t, s.url, nil)
	got, err = nodeWhoAmI.Call(t.Context(), none, struct{}{})
	require.NoError(t, err)
	require.Nil(t, got)
}

func testNodePings(t *testing.T, s *nodeServer) {
	c := dialLive(t, s.url, nil)
	until(t, func() bool { return s.count(isFrame("PONG")) >= 5 }, "five PONGs")
	_, err := nodeSame.Call(t.Context(), c, "still there")
	require.NoError(t, err)
	require.Equal(t, 1, s.count(isOpening))
}

// A server that crashes takes the mutations along that were under way, and
// nothing else.
func TestNodeRestarts(t *testing.T) {
	first, second := startNode(t), startNode(t)
	r := startRelay(t, first.addr)
	c := dialLive(t, r.url, &client.Options{Backoff: soon})
	query, mutation := make(chan error, 1), make(chan error, 1)
	go func() { // ends when the second server answers
		_, err := nodeWait.Call(t.Context(), c, nodeWaitIn{300})
		query <- err
	}()
	go func() { // ends with the first server
		_, err := nodeWrite.Call(t.Context(), c, nodeWaitIn{60_000})
		mutation <- err
	}()
	requireNumbers(t, c, nodeNumbersIn{EveryMS: 1}, func(last int) bool {
		if last == 20 {
			until(t, func() bool { return first.count(func(l nodeLine) bool { return l.Frame != nil }) == 3 }, "all to be there")
			first.kill()
			require.ErrorIs(t, <-mutation, client.ErrConnectionLost)
			r.forwardTo(second.addr)
			n, err := nodeWrite.Call(t.Context(), c, nodeWaitIn{0})
			require.NoError(t, err, "it waited for the connection")
			require.Equal(t, 1, n)
		}
		return last == 50
	})
	require.NoError(t, <-query)
	first.requirePlain(t)
	second.requirePlain(t)
}
