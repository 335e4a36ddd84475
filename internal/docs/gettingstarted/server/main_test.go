package main

import (
	"errors"
	"testing"

	"github.com/zapsocket/zapsocket/client"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/rpctest"
	"github.com/zapsocket/zapsocket/transport"

	"github.com/zapsocket/zapsocket/internal/docs/gettingstarted/roomapi"
)

// A router answers by itself, without a server.
func TestCreate(t *testing.T) {
	r := newRouter(&service{hub: transport.NewHub()})
	in := roomapi.CreateIn{Name: "gophers"}

	_, err := roomapi.Create.Call(t.Context(), r, in)
	if !errors.Is(err, procedure.CodeUnauthorized) {
		t.Errorf("nobody has created a room: %v", err)
	}

	ctx := procedure.WithIdentity(t.Context(), procedure.Identity{UserID: "ada"})
	room, err := roomapi.Create.Call(ctx, r, in)
	if err != nil || room.Owner != "ada" {
		t.Errorf("ada has created %v: %v", room, err)
	}
	_, err = roomapi.Create.Call(ctx, r, in)
	if !errors.Is(err, procedure.CodeConflict) {
		t.Errorf("ada has created it again: %v", err)
	}
}

// With a client in the same process everything crosses the wire.
func TestInvalidName(t *testing.T) {
	svc := &service{hub: transport.NewHub()}
	s := rpctest.NewServer(t, newRouter(svc), &transport.ServerOptions{Hub: svc.hub, Authenticate: authenticate})
	c := s.Client(&client.Options{Params: map[string]string{"token": "open-sesame"}})

	_, err := roomapi.Create.Call(t.Context(), c, roomapi.CreateIn{Name: "x"})
	var e *procedure.Error
	if !errors.As(err, &e) || len(e.Fields) != 1 {
		t.Fatalf("a name of one letter is answered with %v", err)
	}
	if got := e.Fields[0].Message; got != "name must be at least 2 characters in length" {
		t.Error(got)
	}
}
