package router_test

import (
	"context"
	"fmt"

	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
)

// Each part of a program brings a router of its own. Merge puts them together
// under the names they have.
func ExampleRouter_Merge() {
	const (
		FindUser procedure.Query[int, string]  = "user.find"
		BanUser  procedure.Mutation[int, bool] = "user.ban"
		FindRoom procedure.Query[int, string]  = "room.find"
	)
	find := func(_ context.Context, id int) (string, error) { return fmt.Sprint("number ", id), nil }

	users := router.New()
	users.Handle(FindUser.Func(find))
	rooms := router.New()
	rooms.Handle(FindRoom.Func(find))

	r := router.New()
	r.Merge(users)
	r.Merge(rooms)
	users.Handle(BanUser.Func(func(context.Context, int) (bool, error) { return true, nil })) // shows in r, too

	for p := range r.Procedures() {
		fmt.Println(p.Name)
	}
	fmt.Println(FindRoom.Call(context.Background(), r, 7))

	defer func() { fmt.Println(recover()) }()
	rooms.Handle(FindUser.Func(find)) // r would have it twice
	// Output:
	// room.find
	// user.ban
	// user.find
	// number 7 <nil>
	// router: procedure "user.find" is registered twice
}
