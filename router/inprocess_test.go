package router_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/transport"
)

const (
	find   procedure.Query[findIn, []string]      = "room.find"
	create procedure.Mutation[createIn, room]     = "room.create"
	watch  procedure.Subscription[watchIn, event] = "room.watch"
	alert  procedure.Event[string]                = "alert"
)

type (
	findIn   struct{ Text string }
	createIn struct {
		Name string `json:"name" validate:"min=2"`
	}
	room struct {
		ID   string `json:"id"`
		Name string `json:"name" validate:"required"`
	}
	watchIn struct {
		Room string `json:"room"`
		To   int    `json:"to"`
	}
	event struct{ N int }
)

var errTorn = errors.New("the tape is torn")

// rooms serves the contracts. A watch counts to its end, or for ever to -1.
func rooms(hub *transport.Hub) *router.Router {
	r := router.New()
	r.Handle(
		find.Func(func(_ context.Context, in findIn) ([]string, error) {
			if in.Text == "" {
				return nil, procedure.Errorf(procedure.CodeBadRequest, "text is empty")
			}
			return []string{in.Text}, nil
		}),
		create.Func(func(_ context.Context, in createIn) (room, error) { return room{"7", in.Name}, nil }),
		watch.Func(func(_ context.Context, in watchIn, out *procedure.Stream[event]) error {
			if in.Room == "torn" {
				return errTorn
			}
			n := 0
			if out.After() != "" {
				n = len(out.After()) // the IDs are tally marks
			}
			for id := out.After(); n != in.To; n++ {
				id += "|"
				if err := out.SendTracked(id, event{n}); err != nil {
					return err
				}
			}
			return nil
		}),
		alert.From(hub),
	)
	return r
}

// A router answers its own process as it would answer a client.
func TestRouterIsAClient(t *testing.T) {
	r := rooms(transport.NewHub())

	found, err := find.Call(t.Context(), r, findIn{"lobby"})
	require.NoError(t, err)
	require.Equal(t, []string{"lobby"}, found)

	made, err := create.Call(t.Context(), r, createIn{"attic"})
	require.NoError(t, err)
	require.Equal(t, room{"7", "attic"}, made)

	_, err = find.Call(t.Context(), r, findIn{})
	require.ErrorIs(t, err, procedure.CodeBadRequest)
	require.Equal(t, "text is empty", procedure.AsError(err).Message)

	_, err = create.Call(t.Context(), r, createIn{"a"})
	require.ErrorIs(t, err, procedure.CodeBadRequest, "inputs are validated")
	require.Equal(t, "name", procedure.AsError(err).Fields[0].Path)

	_, err = procedure.Query[createIn, room](create).Call(t.Context(), r, createIn{"attic"})
	require.ErrorIs(t, err, procedure.CodeNotFound, "the kind has to be right")
	require.Equal(t, `No "query"-procedure on path "room.create"`, procedure.AsError(err).Message)
}

func TestRouterStreamsInProcess(t *testing.T) {
	r := rooms(transport.NewHub())

	items, err := collect(watch.Subscribe(t.Context(), r, watchIn{To: 3}))
	require.NoError(t, err)
	require.Equal(t, []event{{0}, {1}, {2}}, items)

	resumed, err := collect(watch.Resume(t.Context(), r, watchIn{To: 4}, "||"))
	require.NoError(t, err)
	require.Equal(t, []procedure.Tracked[event]{{ID: "|||", Data: event{2}}, {ID: "||||", Data: event{3}}}, resumed)

	items, err = collect(watch.Subscribe(t.Context(), r, watchIn{Room: "torn"}))
	require.Empty(t, items)
	require.ErrorIs(t, err, procedure.CodeInternalServerError)
	require.ErrorIs(t, err, errTorn, "in the process the cause is at hand")

	items, err = collect(procedure.Subscription[watchIn, event]("room.no").Subscribe(t.Context(), r, watchIn{}))
	require.Empty(t, items)
	require.ErrorIs(t, err, procedure.CodeNotFound)
}

// Leaving the loop ends the procedure, and waits for it.
func TestBreakEndsTheProcedure(t *testing.T) {
	var failed, cancelled error
	r := router.New(func(next procedure.Handler) procedure.Handler {
		return procedure.HandlerFunc(func(ctx context.Context, req *procedure.Request, reply procedure.Reply) error {
			failed = next.ServeRPC(ctx, req, reply)
			cancelled = ctx.Err()
			return failed
		})
	})
	r.Merge(rooms(transport.NewHub()))
	for item, err := range watch.Subscribe(t.Context(), r, watchIn{To: -1}) {
		require.NoError(t, err)
		if item.N == 2 {
			break
		}
	}
	require.Error(t, failed, "Send does, once the loop is left")
	require.ErrorIs(t, cancelled, context.Canceled)
}

func TestRouterPushesInProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := transport.NewHub()
		r := rooms(hub)
		ctx, cancel := context.WithCancel(t.Context())
		var heard []string
		var last error
		go func() { // ends with ctx
			for text, err := range alert.Listen(ctx, r) {
				if err != nil {
					last = err
					continue
				}
				heard = append(heard, text)
			}
		}()
		synctest.Wait()
		for _, text := range []string{"smoke", "fire"} {
			n, err := alert.Push(ctx, hub, text)
			require.NoError(t, err)
			require.Equal(t, 1, n)
		}
		synctest.Wait()
		require.Equal(t, []string{"smoke", "fire"}, heard)

		cancel()
		synctest.Wait()
		require.ErrorIs(t, last, procedure.CodeClientClosedRequest)
		n, err := alert.Push(t.Context(), hub, "gone")
		require.NoError(t, err)
		require.Zero(t, n)
	})
}

// Whoever depends on a Handler can be tested with a router of other functions.
// What the fake lacks is told by name.
func TestTypedFake(t *testing.T) {
	rename := func(ctx context.Context, h procedure.Handler, text, name string) ([]string, error) {
		found, err := find.Call(ctx, h, findIn{text})
		if err != nil {
			return nil, err
		}
		for i := range found {
			made, err := create.Call(ctx, h, createIn{name})
			if err != nil {
				return nil, err
			}
			found[i] = made.Name
		}
		return found, nil
	}

	fake := router.New()
	fake.Handle(find.Func(func(context.Context, findIn) ([]string, error) { return []string{"a", "b"}, nil }))
	_, err := rename(t.Context(), fake, "any", "attic")
	require.ErrorContains(t, err, `No "mutation"-procedure on path "room.create"`)

	fake.Handle(create.Func(func(_ context.Context, in createIn) (room, error) { return room{Name: in.Name}, nil }))
	names, err := rename(t.Context(), fake, "any", "attic")
	require.NoError(t, err)
	require.Equal(t, []string{"attic", "attic"}, names)
}

// A fake is held to the contract's types like the real one.
func TestFakeIsValidated(t *testing.T) {
	fake := router.New()
	fake.Handle(create.Func(func(context.Context, createIn) (room, error) { return room{}, nil }))
	_, err := create.Call(t.Context(), fake, createIn{"attic"})
	require.ErrorIs(t, err, procedure.CodeInternalServerError)
	require.ErrorContains(t, err, "room.create: output validation failed")
}

// On a Prefix the constants of a package reach what is mounted under it.
func TestPrefixUndoesMount(t *testing.T) {
	r := router.New()
	r.Mount("house", rooms(transport.NewHub()))
	street := router.New()
	street.Mount("no.seven", r)

	for _, h := range []procedure.Handler{
		procedure.Prefix("house", r),
		procedure.Prefix("no.seven.house", street),
		procedure.Prefix("house", procedure.Prefix("no.seven", street)),
	} {
		found, err := find.Call(t.Context(), h, findIn{"lobby"})
		require.NoError(t, err)
		require.Equal(t, []string{"lobby"}, found)
		items, err := collect(watch.Subscribe(t.Context(), h, watchIn{To: 2}))
		require.NoError(t, err)
		require.Len(t, items, 2)
	}
	_, err := find.Call(t.Context(), r, findIn{"lobby"})
	require.ErrorIs(t, err, procedure.CodeNotFound)
	_, err = find.Call(t.Context(), procedure.Prefix("garage", r), findIn{"lobby"})
	require.ErrorContains(t, err, `No "query"-procedure on path "garage.room.find"`)

	req := procedure.Request{Name: string(find), Kind: procedure.KindQuery, Input: procedure.Value(findIn{"lobby"})}
	sent := req
	require.NoError(t, procedure.Prefix("house", r).ServeRPC(t.Context(), &req, func(procedure.Message) error { return nil }))
	require.Equal(t, sent, req, "the caller's request stays as it is")
}

func TestPrefixIsAName(t *testing.T) {
	require.Equal(t, `procedure.Prefix: procedure name "a." has an empty segment`, panicOf(func() { procedure.Prefix("a.", router.New()) }))
	require.Equal(t, `procedure.Prefix: procedure name "" has an empty segment`, panicOf(func() { procedure.Prefix("", router.New()) }))
}

// Once set up, a router is called from anywhere.
func TestRouterConcurrently(t *testing.T) {
	inner := serving("find")
	inner.Mount("deep", serving("find"))
	r := router.New(mark("log"))
	r.Merge(serving("merged"))
	r.Mount("in", inner)
	var calls sync.WaitGroup
	for range 20 {
		calls.Go(func() {
			for name, want := range map[string]string{"merged": "log merged", "in.find": "log find", "in.deep.find": "log find"} {
				got, err := procedure.Query[struct{}, string](name).Call(t.Context(), r, struct{}{})
				if err != nil || got != want {
					t.Errorf("%s: %q, %v", name, got, err)
				}
			}
			if names := listed(r); len(names) != 3 {
				t.Error(names)
			}
		})
	}
	calls.Wait()
}
