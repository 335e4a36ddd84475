package router_test

import (
	"context"
	"fmt"

	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
)

// A test of the program's router asks Lint for what is legal and rarely meant:
//
//	require.NoError(t, newRouter().Lint())
func ExampleRouter_Lint() {
	type Guest struct {
		Name string `json:"name" validate:"required"`
	}
	type Invite struct {
		Room   int64   `json:"room"`
		Seats  int     `json:"seats" validate:"required"`
		Guests []Guest `json:"guests" validate:"max=10"`
	}
	const Send procedure.Mutation[Invite, bool] = "invite.send"

	r := router.New()
	r.Handle(Send.Func(func(context.Context, Invite) (bool, error) { return true, nil }))
	fmt.Println(r.Lint())
	// Output:
	// procedure "invite.send": input room: JavaScript rounds an integer beyond 2^53, which int64 can hold; add the option string to the json tag, or a rule such as lte=9007199254740991
	// procedure "invite.send": input seats: required takes the zero int for absent; use *int, or drop the rule
	// procedure "invite.send": input guests: the validate tags inside []router_test.Guest are not checked; add dive to the field's validate tag
}
