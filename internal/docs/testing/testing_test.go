package testing

import (
	"context"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/internal/docs/roomapi"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/rpctest"
	"github.com/zapsocket/zapsocket/transport"
	"github.com/zapsocket/zapsocket/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestCreate(t *testing.T) {
	r := newRouter(newService())
	in := roomapi.CreateIn{Name: "lobby", Owner: "ada@example.com"}

	_, err := roomapi.Create.Call(t.Context(), r, in)
	require.ErrorIs(t, err, procedure.CodeUnauthorized)

	ctx := procedure.WithIdentity(t.Context(), procedure.Identity{UserID: "ada"})
	room, err := roomapi.Create.Call(ctx, r, in)
	require.NoError(t, err)
	require.Equal(t, "lobby", room.Name)
}

func TestLint(t *testing.T) {
	require.NoError(t, newRouter(newService()).Lint())
}

func TestGreeting(t *testing.T) {
	fake := roomapi.Get.Func(func(_ context.Context, in roomapi.GetIn) (roomapi.Room, error) {
		require.Equal(t, "7", in.ID)
		return roomapi.Room{Name: "Lobby", Owner: "Ada"}, nil
	})
	got, err := greeting(t.Context(), fake, "7")
	require.NoError(t, err)
	require.Equal(t, "Hello Ada of Lobby", got)
}

func TestFakeOfMany(t *testing.T) {
	fake := router.New()
	fake.Handle(
		roomapi.Get.Func(func(context.Context, roomapi.GetIn) (roomapi.Room, error) {
			return roomapi.Room{}, procedure.CodeNotFound
		}),
		roomapi.Ticks.Func(func(_ context.Context, _ roomapi.TicksIn, out *procedure.Stream[roomapi.Tick]) error {
			return out.Send(roomapi.Tick{N: 42})
		}),
	)
	_, err := greeting(t.Context(), fake, "7")
	require.ErrorIs(t, err, procedure.CodeNotFound)
	for tick, err := range roomapi.Ticks.Subscribe(t.Context(), fake, roomapi.TicksIn{Count: 1}) {
		require.NoError(t, err)
		require.Equal(t, 42, tick.N)
	}
}

func TestGet(t *testing.T) {
	c := rpctest.Client(t, newRouter(newService()))
	_, err := roomapi.Get.Call(t.Context(), c, roomapi.GetIn{ID: "7"})
	require.ErrorIs(t, err, procedure.CodeNotFound)
}

func TestOptions(t *testing.T) {
	svc := newService()
	s := rpctest.NewServer(t, newRouter(svc), &transport.ServerOptions{
		Hub:          svc.hub,
		Authenticate: authenticate,
		Limits:       wire.Limits{Input: 100},
	})
	ada := s.Client(&client.Options{Params: map[string]string{"user": "ada"}})
	bob := s.Client(nil)

	_, err := roomapi.Create.Call(t.Context(), ada, roomapi.CreateIn{Name: "lobby", Owner: "ada@example.com"})
	require.NoError(t, err)
	_, err = roomapi.Create.Call(t.Context(), bob, roomapi.CreateIn{Name: "attic", Owner: "bob@example.com"})
	require.ErrorIs(t, err, procedure.CodeUnauthorized)
}

func TestTicks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := rpctest.Client(t, newRouter(newService()))
		begun := time.Now()
		for tick, err := range roomapi.Ticks.Subscribe(t.Context(), c, roomapi.TicksIn{Count: 1000}) {
			require.NoError(t, err)
			require.Equal(t, time.Duration(tick.N)*time.Minute, time.Since(begun))
		}
	})
}

func TestAlert(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		svc := newService()
		c := rpctest.NewServer(t, newRouter(svc), &transport.ServerOptions{Hub: svc.hub}).Client(nil)
		heard := make(chan string, 1)
		go func() { // ends with the client
			for notice := range roomapi.Alert.Listen(t.Context(), c) {
				heard <- notice.Text
			}
		}()
		synctest.Wait() // until it listens

		n, err := roomapi.Alert.Push(t.Context(), svc.hub, roomapi.Notice{Text: "closing"})
		require.NoError(t, err)
		require.Equal(t, 1, n)
		require.Equal(t, "closing", <-heard)
		c.Close()
		synctest.Wait()
	})
}

func TestTicksSurviveALoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := rpctest.NewServer(t, newRouter(newService()), nil)
		c := s.Client(nil)
		next := 1
		for tick, err := range roomapi.Ticks.Subscribe(t.Context(), c, roomapi.TicksIn{Count: 6}) {
			require.NoError(t, err)
			require.Equal(t, next, tick.N, "no gap and no repetition")
			next++
			switch tick.N {
			case 2:
				s.Inject(rpctest.Cut) // without a word
			case 4:
				s.Inject(rpctest.HalfOpen) // silence, which is found out after 35 s
			}
		}
		require.Equal(t, 7, next)
	})
}

func TestMaintenance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := rpctest.NewServer(t, newRouter(newService()), nil)
		c := s.Client(nil)
		s.Refuse(procedure.CodeServiceUnavailable)
		s.Inject(rpctest.Cut)
		time.AfterFunc(time.Hour, func() { s.Refuse(nil) })

		_, err := roomapi.Get.Call(t.Context(), c, roomapi.GetIn{ID: "7"})
		require.ErrorIs(t, err, procedure.CodeNotFound, "it has waited for an hour")
	})
}

func TestOverASocket(t *testing.T) {
	web := httptest.NewServer(transport.NewServer(newRouter(newService()), nil))
	defer web.Close()
	c, err := client.Dial(t.Context(), web.URL, nil)
	require.NoError(t, err)
	defer c.Close()
	_, err = roomapi.Get.Call(t.Context(), c, roomapi.GetIn{ID: "7"})
	require.ErrorIs(t, err, procedure.CodeNotFound)
}
