package procedure_test

import (
	"context"
	"fmt"

	"github.com/zapsocket/zapsocket/procedure"
)

// Whatever has validate tags can be checked as an input is, and tells its
// faults in the same way.
func ExampleValidate() {
	type Line struct {
		Item  string `json:"item" validate:"required"`
		Count int    `json:"count" validate:"gte=1,lte=99"`
	}
	type Order struct {
		Email string `json:"email" validate:"required,email"`
		Lines []Line `json:"lines" validate:"min=1,dive"`
	}

	ctx := context.Background()
	fmt.Println(procedure.Validate(ctx, nil, Order{"ada@example.com", []Line{{"tea", 2}}}))

	err := procedure.Validate(ctx, nil, Order{"ada", []Line{{"tea", 2}, {"", 100}}})
	for _, f := range procedure.AsError(err).Fields {
		fmt.Printf("%s (%s): %s\n", f.Path, f.Rule, f.Message)
	}
	// Output:
	// <nil>
	// email (email): email must be a valid email address
	// lines[1].item (required): item is a required field
	// lines[1].count (lte): count must be 99 or less
}
