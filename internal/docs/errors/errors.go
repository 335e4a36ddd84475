// Package errors holds the code of docs/errors.md.
package errors

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/zapsocket/zapsocket/internal/docs/billingapi"
	"github.com/zapsocket/zapsocket/internal/docs/roomapi"
	"github.com/zapsocket/zapsocket/procedure"
)

type service struct{ store *store }

// A store answers with the error it holds.
type store struct{ err error }

func (s *store) Room(context.Context, string) (roomapi.Room, error) { return roomapi.Room{}, s.err }

func (s *store) Insert(context.Context, roomapi.CreateIn) error { return s.err }

func (s *service) get(ctx context.Context, in roomapi.GetIn) (roomapi.Room, error) {
	room, err := s.store.Room(ctx, in.ID)
	if errors.Is(err, sql.ErrNoRows) {
		return roomapi.Room{}, procedure.Errorf(procedure.CodeNotFound, "room %q", in.ID)
	}
	if err != nil {
		return roomapi.Room{}, err // the caller reads INTERNAL_SERVER_ERROR and a logId
	}
	return room, nil
}

func save(ctx context.Context, db *store, in roomapi.CreateIn) error {
	if err := db.Insert(ctx, in); err != nil {
		return procedure.Errorf(procedure.CodeConflict, "save room %q: %w", in.Name, err)
	}
	return nil
}

func lookup(ctx context.Context, h procedure.Handler, id string) (*roomapi.Room, error) {
	room, err := roomapi.Get.Call(ctx, h, roomapi.GetIn{ID: id})
	if errors.Is(err, procedure.CodeNotFound) {
		return nil, nil
	}
	var e *procedure.Error
	if errors.As(err, &e) && e.RetryAfter > 0 {
		return nil, fmt.Errorf("try again in %v: %w", e.RetryAfter, err)
	}
	return &room, err
}

var errRoomFull = &procedure.Error{
	Code:       procedure.CodeTooManyRequests,
	Message:    "room is full",
	Data:       map[string]any{"room": "lobby"},
	RetryAfter: 1500 * time.Millisecond,
}

type gateway struct{ billing procedure.Handler }

func (g *gateway) total(ctx context.Context, account string) (int, error) {
	sum, err := billingapi.Sum.Call(ctx, g.billing, billingapi.SumIn{Account: account})
	switch {
	case errors.Is(err, procedure.CodeNotFound):
		return 0, procedure.Errorf(procedure.CodeNotFound, "no such account: %w", err)
	case err != nil:
		return 0, err
	}
	return sum.Cents, nil
}

// resumeAfter returns the ID after which a subscription that ended with err
// goes on.
func resumeAfter(err error, last string) string {
	var gap *procedure.Gap
	if errors.As(err, &gap) {
		last = gap.To // what follows gap.From is gone; what follows gap.To is not
	}
	return last
}
