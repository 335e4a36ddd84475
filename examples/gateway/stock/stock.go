// Package stock is the stock service, another server behind the edge.
package stock

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"sync"

	"github.com/zapsocket/zapsocket/examples/gateway/onbehalf"
	"github.com/zapsocket/zapsocket/examples/gateway/stockapi"
	"github.com/zapsocket/zapsocket/middleware"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/pubsub"
	"github.com/zapsocket/zapsocket/router"
)

// NewRouter returns the procedures of stockapi, with so much of each item.
func NewRouter(left map[string]int, log *slog.Logger) *router.Router {
	s := &service{left: maps.Clone(left), changes: pubsub.NewTopic[stockapi.Level](nil)}
	r := router.New(
		onbehalf.Believe,
		middleware.Logger(log),
		middleware.Recover(log),
		middleware.Require(onbehalf.SignedIn),
	)
	r.Handle(
		stockapi.Get.Func(s.get),
		stockapi.Take.Func(s.take),
		stockapi.Changes.From(s.changes),
	)
	return r
}

type service struct {
	changes *pubsub.Topic[stockapi.Level]

	mu   sync.Mutex
	left map[string]int
}

func (s *service) get(_ context.Context, in stockapi.GetIn) (stockapi.Level, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	left, known := s.left[in.Item]
	if !known {
		return stockapi.Level{}, procedure.Errorf(procedure.CodeNotFound, "there is no %s", in.Item)
	}
	return stockapi.Level{Item: in.Item, Left: left}, nil
}

func (s *service) take(ctx context.Context, in stockapi.TakeIn) (stockapi.Level, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	left := s.left[in.Item]
	if left < in.Count {
		return stockapi.Level{}, &procedure.Error{
			Code:    procedure.CodeConflict,
			Message: fmt.Sprintf("%d of %s, and %d are left", in.Count, in.Item, left),
			Data:    stockapi.Shortage{Left: left},
		}
	}
	level := stockapi.Level{Item: in.Item, Left: left - in.Count}
	if err := s.changes.Publish(ctx, level); err != nil {
		return stockapi.Level{}, err
	}
	s.left[in.Item] = level.Left
	return level, nil
}
