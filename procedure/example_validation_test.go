package procedure_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/zapsocket/zapsocket/procedure"
)

// Inputs are checked against their validate tags before the function runs. The
// caller learns of every fault, by its place in the JSON.
func Example_validation() {
	type Guest struct {
		Email string `json:"email" validate:"required,email"`
	}
	type CreateIn struct {
		Name   string  `json:"name"   validate:"min=2,max=32"`
		Limit  int     `json:"limit"  validate:"gte=0,lte=1000"`
		Guests []Guest `json:"guests" validate:"max=10,dive"`
	}
	const Create procedure.Mutation[CreateIn, struct{}] = "room.create"

	p := Create.Func(func(context.Context, CreateIn) (struct{}, error) {
		panic("not for such an input")
	})

	_, err := Create.Call(context.Background(), p, CreateIn{
		Name:   "x",
		Limit:  5000,
		Guests: []Guest{{"ann@example.com"}, {"bob"}},
	})
	fmt.Println(errors.Is(err, procedure.CodeBadRequest))
	for _, f := range procedure.AsError(err).Fields {
		fmt.Printf("%s: %s=%s: %s\n", f.Path, f.Rule, f.Param, f.Message)
	}
	// Output:
	// true
	// name: min=2: name must be at least 2 characters in length
	// limit: lte=1000: limit must be 1,000 or less
	// guests[1].email: email=: email must be a valid email address
}
