package router_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
)

// Contracts are constants that server and client share; Func binds a function
// to each, and Handle registers them.
func ExampleRouter_Handle() {
	type CreateIn struct {
		Name string `json:"name" validate:"min=2"`
	}
	type Room struct {
		ID   int    `json:"id"`
		Name string `json:"name"`
	}
	const (
		Find   procedure.Query[int, Room]         = "room.find"
		Create procedure.Mutation[CreateIn, Room] = "room.create"
	)
	var rooms []Room

	r := router.New()
	r.Handle(
		Find.Func(func(_ context.Context, id int) (Room, error) {
			if id >= len(rooms) {
				return Room{}, procedure.Errorf(procedure.CodeNotFound, "no room %d", id)
			}
			return rooms[id], nil
		}),
		Create.Func(func(_ context.Context, in CreateIn) (Room, error) {
			rooms = append(rooms, Room{len(rooms), in.Name})
			return rooms[len(rooms)-1], nil
		}),
	)

	// The router is its own client in this process. A client over a
	// connection is used in the same way.
	ctx := context.Background()
	room, err := Create.Call(ctx, r, CreateIn{Name: "Lobby"})
	fmt.Println(room.Name, err)
	_, err = Create.Call(ctx, r, CreateIn{Name: "X"})
	fmt.Println(err)
	_, err = Find.Call(ctx, r, 7)
	fmt.Println(errors.Is(err, procedure.CodeNotFound), err)

	for p := range r.Procedures() {
		fmt.Println(p.Kind, p.Name, p.In, p.Out)
	}
	// Output:
	// Lobby <nil>
	// BAD_REQUEST: name must be at least 2 characters in length
	// true NOT_FOUND: no room 7
	// mutation room.create router_test.CreateIn router_test.Room
	// query room.find int router_test.Room
}
