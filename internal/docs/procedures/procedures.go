// Package procedures holds the code of docs/procedures.md.
package procedures

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/zapsocket/zapsocket/internal/docs/billingapi"
	"github.com/zapsocket/zapsocket/internal/docs/roomapi"
	"github.com/zapsocket/zapsocket/middleware"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
)

// Booking shows what becomes of Go types in JSON.
type Booking struct {
	ID     int64             `json:"id,string"`      // "9007199254740993"
	At     time.Time         `json:"at"`             // "2026-03-01T12:00:00Z"
	Length time.Duration     `json:"length"`         // "1h30m0s"
	Guests []string          `json:"guests"`         // [] if nil
	Labels map[string]string `json:"labels"`         // {} if nil
	Key    []byte            `json:"key"`            // base64
	Seat   *int              `json:"seat"`           // null if nil
	Note   string            `json:"note,omitempty"` // left out if ""
	Count  int               `json:"count,omitzero"` // left out if 0
	Secret string            `json:"-"`              // never sent
}

type service struct{ rooms map[string]roomapi.Room }

func (s *service) get(ctx context.Context, in roomapi.GetIn) (roomapi.Room, error) {
	room, ok := s.rooms[in.ID]
	if !ok {
		return roomapi.Room{}, procedure.Errorf(procedure.CodeNotFound, "there is no room %q", in.ID)
	}
	return room, nil
}

func (s *service) create(ctx context.Context, in roomapi.CreateIn) (roomapi.Room, error) {
	room := roomapi.Room{ID: strconv.Itoa(len(s.rooms)), Name: in.Name, Owner: in.Owner}
	s.rooms[room.ID] = room
	return room, nil
}

func (s *service) find(ctx context.Context, in roomapi.FindIn) ([]roomapi.Room, error) {
	return nil, nil
}

func (s *service) ticks(ctx context.Context, in roomapi.TicksIn, out *procedure.Stream[roomapi.Tick]) error {
	next, _ := strconv.Atoi(out.After()) // 0 unless the subscriber resumes
	for n := next + 1; n <= in.Count; n++ {
		if err := out.SendTracked(strconv.Itoa(n), roomapi.Tick{N: n}); err != nil {
			return err // the subscriber has left
		}
	}
	return nil // the stream ends
}

func signedIn(ctx context.Context, id procedure.Identity) error {
	if id.UserID == "" {
		return procedure.CodeUnauthorized
	}
	return nil
}

func newRouter(s *service) *router.Router {
	r := router.New(middleware.Logger(nil), middleware.Recover(nil)) // around everything
	r.Handle(
		roomapi.Find.Func(s.find),
		roomapi.Get.Func(s.get),
		roomapi.Ticks.Func(s.ticks),
	)
	members := r.With(middleware.Require(signedIn), middleware.Timeout(2*time.Second))
	members.Handle(roomapi.Create.Func(s.create)) // inside of these, too
	return r
}

func options(r *router.Router, s *service) {
	r.Handle(roomapi.Get.Func(s.get).With(procedure.Options{
		Summary:       "one room by its id",
		Deprecated:    "use room.find",
		Meta:          map[string]string{"team": "rooms"},
		MaxInput:      4 << 10, // bytes, as JSON
		RejectUnknown: true,
	}))
}

func compose(rooms, users *router.Router, billing procedure.Handler) *router.Router {
	r := router.New()
	r.Merge(rooms)              // under their own names: room.find
	r.Merge(users)              // what users gets later shows, too
	r.Mount("billing", billing) // billing.sum is answered by billing as sum
	return r
}

func total(ctx context.Context, h procedure.Handler) (billingapi.Amount, error) {
	billing := procedure.Prefix("billing", h)
	return billingapi.Sum.Call(ctx, billing, billingapi.SumIn{Account: "ada"})
}

const BillingSum procedure.Query[billingapi.SumIn, billingapi.Amount] = "billing." + billingapi.Sum

func list(w io.Writer, r *router.Router) {
	for p := range r.Procedures() {
		fmt.Fprintln(w, p.Kind, p.Name, p.In, p.Out)
	}
}

func calls(ctx context.Context, h procedure.Handler) error {
	room, err := roomapi.Get.Call(ctx, h, roomapi.GetIn{ID: "7"}) // a roomapi.Room
	switch {
	case errors.Is(err, procedure.CodeNotFound):
		fmt.Println("there is none")
	case err != nil:
		return err
	default:
		fmt.Println(room.Name)
	}
	for tick, err := range roomapi.Ticks.Subscribe(ctx, h, roomapi.TicksIn{Count: 3}) {
		if err != nil {
			return err
		}
		fmt.Println(tick.N) // break unsubscribes
	}
	return nil
}

func resume(ctx context.Context, h procedure.Handler, last string) (string, error) {
	for item, err := range roomapi.Ticks.Resume(ctx, h, roomapi.TicksIn{Count: 3}, last) {
		if err != nil {
			return last, err
		}
		last = item.ID
		fmt.Println(item.Data.N, item.Dropped)
	}
	return last, nil
}
