package errors

import (
	"context"
	"database/sql"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/zapsocket/zapsocket/internal/docs/billingapi"
	"github.com/zapsocket/zapsocket/internal/docs/roomapi"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/pubsub"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/rpctest"
	"github.com/zapsocket/zapsocket/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// over returns a client of p, whose errors cross the wire.
func over(t *testing.T, p procedure.Procedure) procedure.Handler {
	r := router.New()
	r.Handle(p)
	return rpctest.NewServer(t, r, &transport.ServerOptions{Logger: slog.New(slog.DiscardHandler)}).Client(nil)
}

func TestGet(t *testing.T) {
	for _, tt := range []struct {
		err     error
		code    procedure.Code
		message string
		hidden  bool
	}{
		{sql.ErrNoRows, procedure.CodeNotFound, `room "7"`, false},
		{sql.ErrConnDone, procedure.CodeInternalServerError, "Internal server error", true},
	} {
		s := &service{&store{tt.err}}
		_, err := roomapi.Get.Call(t.Context(), over(t, roomapi.Get.Func(s.get)), roomapi.GetIn{ID: "7"})
		e := procedure.AsError(err)
		require.Equal(t, tt.code, e.Code)
		require.Equal(t, tt.message, e.Message)
		require.Equal(t, tt.hidden, e.LogID != "")
	}
}

func TestSave(t *testing.T) {
	p := roomapi.Create.Func(func(ctx context.Context, in roomapi.CreateIn) (roomapi.Room, error) {
		err := save(ctx, &store{sql.ErrTxDone}, in)
		require.ErrorIs(t, err, sql.ErrTxDone, "inside the server")
		return roomapi.Room{}, err
	})
	_, err := roomapi.Create.Call(t.Context(), over(t, p), roomapi.CreateIn{Name: "lobby", Owner: "ada@example.com"})
	require.ErrorIs(t, err, procedure.CodeConflict)
	require.ErrorContains(t, err, `save room "lobby`)
	require.NotContains(t, err.Error(), sql.ErrTxDone.Error())
}

func TestLookup(t *testing.T) {
	answer := func(err error) procedure.Handler {
		return over(t, roomapi.Get.Func(func(context.Context, roomapi.GetIn) (roomapi.Room, error) {
			return roomapi.Room{Name: "lobby"}, err
		}))
	}
	room, err := lookup(t.Context(), answer(nil), "7")
	require.NoError(t, err)
	require.Equal(t, "lobby", room.Name)
	room, err = lookup(t.Context(), answer(procedure.CodeNotFound), "7")
	require.NoError(t, err)
	require.Nil(t, room)

	_, err = lookup(t.Context(), answer(errRoomFull), "7")
	require.EqualError(t, err, "try again in 1.5s: TOO_MANY_REQUESTS: room is full")
	require.ErrorIs(t, err, procedure.CodeTooManyRequests)
	e := procedure.AsError(err)
	require.Equal(t, map[string]any{"room": "lobby"}, e.Data)
	require.Equal(t, 1500*time.Millisecond, e.RetryAfter)
}

// What another server says is not passed on, unless it is translated.
func TestGateway(t *testing.T) {
	for upstream, want := range map[error]procedure.Code{
		procedure.CodeNotFound:  procedure.CodeNotFound,
		procedure.CodeForbidden: procedure.CodeInternalServerError,
	} {
		g := &gateway{over(t, billingapi.Sum.Func(func(context.Context, billingapi.SumIn) (billingapi.Amount, error) {
			return billingapi.Amount{}, upstream
		}))}
		const Total procedure.Query[string, int] = "shop.total"
		_, err := Total.Call(t.Context(), over(t, Total.Func(g.total)), "ada")
		require.ErrorIs(t, err, want)
	}
}

// Whoever says it, on whichever side of the wire: it is a gap.
func TestGap(t *testing.T) {
	ticks := pubsub.NewTopic[roomapi.Tick](&pubsub.Options{History: 1})
	begin := ticks.Position()
	for n := range 3 {
		require.NoError(t, ticks.Publish(t.Context(), roomapi.Tick{N: n}))
	}
	failing := func(err error) procedure.Procedure {
		return roomapi.Ticks.Func(func(context.Context, roomapi.TicksIn, *procedure.Stream[roomapi.Tick]) error { return err })
	}
	topic := roomapi.Ticks.From(ticks)
	function := failing(&procedure.Gap{From: begin, To: "to"})
	foreign := failing(&procedure.Error{Code: procedure.CodePreconditionFailed, Data: map[string]string{"from": begin, "to": "to"}})
	for _, h := range []procedure.Handler{topic, over(t, topic), function, over(t, function), over(t, foreign)} {
		var err error
		for _, err = range roomapi.Ticks.Resume(t.Context(), h, roomapi.TicksIn{Count: 1}, begin) {
		}
		require.ErrorIs(t, err, procedure.CodePreconditionFailed)
		var gap *procedure.Gap
		require.ErrorAs(t, err, &gap)
		require.Equal(t, begin, gap.From)
		require.Equal(t, gap.To, resumeAfter(err, begin))
	}
	require.Equal(t, begin, resumeAfter(procedure.CodeNotFound, begin))
}
