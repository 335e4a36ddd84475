package transport_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/transport"
	"github.com/zapsocket/zapsocket/wire"
)

func TestHubPushesToEveryoneAndToOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const whisper procedure.Query[string, int] = "whisper"
		hub := transport.NewHub()
		r := testRouter(hub)
		r.Handle(whisper.Func(func(ctx context.Context, text string) (int, error) {
			return alert.Push(ctx, transport.ConnFrom(ctx), text)
		}))
		o := quiet(transport.ServerOptions{Hub: hub})
		a, b := connect(t, r, o, stockClient()).read(), connect(t, r, o, stockClient()).read()
		synctest.Wait()
		require.Equal(t, 2, hub.Len())
		a.send(subscribe(1, "alert", "null"), subscribe(2, "alert", "null"))
		b.send(subscribe(1, "alert", "null"))

		n, err := alert.Push(t.Context(), hub, "all")
		require.NoError(t, err)
		require.Equal(t, 3, n)
		require.Equal(t, 2, holding(a.send(), `"data":"all"`))
		require.Equal(t, 1, holding(b.send(), `"data":"all"`))

		got := a.send(query(9, "whisper", `"mine"`))
		require.Equal(t, 2, holding(got, `"data":"mine"`))
		require.Equal(t, 1, holding(got, `"data":2`), "for how many")
		require.Empty(t, b.send())

		a.conn.Close(wire.CloseNormal, "")
		synctest.Wait()
		require.Equal(t, 1, hub.Len())
		n, _ = alert.Push(t.Context(), hub, "rest")
		require.Equal(t, 1, n)
	})
}

// A listener that does not read loses the oldest items, is told how many, and
// holds up nobody.
func TestHubDropsForWhoDoesNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := transport.NewHub()
		o := quiet(transport.ServerOptions{Hub: hub, Limits: wire.Limits{Queue: 1000, StreamItems: 10}})
		slow, quick := connect(t, testRouter(hub), o, stockClient()), connect(t, testRouter(hub), o, stockClient()).read()
		slow.send(subscribe(1, "alert", "null"))
		quick.send(subscribe(1, "alert", "null"))
		for i := range 500 {
			n, err := alert.Push(t.Context(), hub, fmt.Sprint(i))
			require.NoError(t, err)
			require.Equal(t, 2, n)
			require.Equal(t, 1, holding(quick.send(), fmt.Sprintf(`"data":"%d"`, i)))
		}
		slow.read()
		got := slow.send()
		require.Equal(t, 1, holding(got, `"dropped":`))
		require.Contains(t, got[len(got)-1], `"data":"499"`)
		var dropped int
		for _, f := range got {
			fmt.Sscanf(f, `{"id":1,"result":{"type":"data","dropped":%d,`, &dropped)
		}
		require.Equal(t, 500, len(got)-1+dropped, "delivered and dropped are all")
	})
}

func TestHubInProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := transport.NewHub()
		r := testRouter(hub)
		var got []string
		done := make(chan error, 1)
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			for text, err := range alert.Listen(ctx, r) {
				if err != nil {
					done <- err
					return
				}
				time.Sleep(time.Second) // slower than the pushes
				got = append(got, text)
			}
		}()
		synctest.Wait()
		for i := range 300 {
			n, err := alert.Push(ctx, hub, fmt.Sprint(i))
			require.NoError(t, err)
			require.Equal(t, 1, n, "a push waits for nobody")
			if i == 0 {
				synctest.Wait() // the listener has it in hand
			}
		}
		time.Sleep(400 * time.Second)
		cancel()
		require.ErrorIs(t, <-done, context.Canceled)
		require.Equal(t, "0", got[0])
		require.Equal(t, "299", got[len(got)-1])
		require.Len(t, got, 257, "one in hand and 256 held back")
		require.Zero(t, hub.Len(), "no connection")
	})
}

func TestHubBindsANameToOneType(t *testing.T) {
	hub := transport.NewHub()
	alert.From(hub)
	alert.From(hub)
	const other procedure.Event[int] = "alert"
	require.PanicsWithValue(t, `transport: event "alert" is bound with the types string and int`, func() { other.From(hub) })
	require.NotPanics(t, func() { hub.BindEvent("another", reflect.TypeFor[int](), nil) })
}

func TestHubUnderAPrefix(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hub := transport.NewHub()
		sub, root := router.New(), router.New()
		sub.Handle(alert.From(hub))
		root.Mount("ops", sub)
		p := connect(t, root, quiet(transport.ServerOptions{Hub: hub}), stockClient()).read()
		require.Equal(t, 1, holding(p.send(subscribe(1, "ops.alert", "null")), "started"))
		_, err := alert.Push(t.Context(), hub, "hello")
		require.NoError(t, err)
		require.Equal(t, 1, holding(p.send(), "hello"))
	})
}

func TestPushThatCannotBeSent(t *testing.T) {
	type notice struct {
		Text string `json:"text" validate:"required"`
		Bad  any    `json:"bad,omitzero"`
	}
	const e procedure.Event[notice] = "notice"
	hub := transport.NewHub()
	_, err := e.Push(t.Context(), hub, notice{})
	require.ErrorIs(t, err, procedure.CodeInternalServerError)
	_, err = e.Push(t.Context(), hub, notice{Text: "x", Bad: make(chan int)})
	require.Error(t, err)
	n, err := e.Push(t.Context(), hub, notice{Text: "x"})
	require.NoError(t, err)
	require.Zero(t, n, "nobody listens")
	require.False(t, errors.Is(err, procedure.CodeInternalServerError))
}
