package main

import (
	"context"
	"fmt"
	"net/http/httptest"

	"github.com/zapsocket/zapsocket/internal/docs/gettingstarted/roomapi"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
	"github.com/zapsocket/zapsocket/transport"
)

// The client of the page against a server that knows its lines.
func Example_run() {
	r := router.New()
	r.Handle(
		roomapi.Create.Func(func(_ context.Context, in roomapi.CreateIn) (roomapi.Room, error) {
			if in.Name == "taken" {
				return roomapi.Room{}, procedure.Errorf(procedure.CodeConflict, "there is a room %q", in.Name)
			}
			return roomapi.Room{Name: in.Name, Owner: "ada"}, nil
		}),
		roomapi.Find.Func(func(context.Context, roomapi.FindIn) ([]roomapi.Room, error) {
			return []roomapi.Room{{Name: "gophers"}}, nil
		}),
		roomapi.Ticks.Func(func(_ context.Context, _ roomapi.TicksIn, out *procedure.Stream[roomapi.Tick]) error {
			for n := 1; ; n++ {
				if err := out.Send(roomapi.Tick{N: n}); err != nil {
					return err
				}
			}
		}),
	)
	web := httptest.NewServer(transport.NewServer(r, nil))
	defer web.Close()
	fmt.Println(run(context.Background(), web.URL, "gophers"))
	fmt.Println(run(context.Background(), web.URL, "taken"))
	// Output:
	// ada has created gophers
	// found gophers
	// tick 1
	// tick 2
	// tick 3
	// <nil>
	// there is a room "taken"
	// found gophers
	// tick 1
	// tick 2
	// tick 3
	// <nil>
}
