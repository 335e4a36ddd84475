// Package orders is the orders service. It is a server behind the edge, and
// knows it only by what it says of who calls.
package orders

import (
	"context"
	"log/slog"
	"strconv"

	"github.com/zapsocket/zapsocket/examples/gateway/onbehalf"
	"github.com/zapsocket/zapsocket/examples/gateway/ordersapi"
	"github.com/zapsocket/zapsocket/middleware"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
)

// NewRouter returns the procedures of ordersapi over the store.
func NewRouter(store *Store, log *slog.Logger) *router.Router {
	s := &service{store}
	r := router.New(
		onbehalf.Believe, // before Logger, which then knows the user
		middleware.Logger(log),
		middleware.Recover(log),
		middleware.Require(onbehalf.SignedIn),
	)
	r.Handle(
		ordersapi.Place.Func(s.place),
		ordersapi.List.Func(s.list),
		ordersapi.Watch.Func(s.watch),
	)
	return r
}

type service struct{ store *Store }

func (s *service) place(ctx context.Context, in ordersapi.PlaceIn) (ordersapi.Order, error) {
	return s.store.add(procedure.IdentityFrom(ctx).UserID, in), nil
}

func (s *service) list(ctx context.Context, _ struct{}) ([]ordersapi.Order, error) {
	orders, _ := s.store.after(0, procedure.IdentityFrom(ctx).UserID)
	return orders, nil
}

// watch sends tracked items, so that a subscriber whose connection is lost goes
// on after the last one it has seen, and the edge is such a subscriber.
func (s *service) watch(ctx context.Context, _ struct{}, out *procedure.Stream[ordersapi.Order]) error {
	last := 0
	if after := out.After(); after != "" {
		var err error
		if last, err = strconv.Atoi(after); err != nil || last < 0 {
			return procedure.Errorf(procedure.CodeBadRequest, "there is no order %q", after)
		}
	}
	for {
		orders, changed := s.store.after(last, procedure.IdentityFrom(ctx).UserID)
		for _, order := range orders {
			if err := out.SendTracked(strconv.Itoa(order.ID), order); err != nil {
				return err
			}
			last = order.ID
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
