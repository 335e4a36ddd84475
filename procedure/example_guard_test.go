package procedure_test

import (
	"context"
	"fmt"
	"time"

	"github.com/zapsocket/zapsocket/procedure"
)

// Guard is for checks that need the input: whether this user may do it to this
// room. It also refuses credentials that have expired.
func ExampleGuard() {
	const Close procedure.Mutation[string, string] = "room.close"

	owners := map[string]string{"lobby": "ada", "attic": "bob"}
	p := Close.Func(func(ctx context.Context, room string) (string, error) {
		err := procedure.Guard(ctx, func(_ context.Context, id procedure.Identity) error {
			if owners[room] != id.UserID {
				return procedure.Errorf(procedure.CodeForbidden, "the %s is not yours", room)
			}
			return nil
		})
		if err != nil {
			return "", err
		}
		return room + " is closed", nil
	})

	ada := procedure.Identity{UserID: "ada", Expires: time.Now().Add(time.Hour)}
	ctx := procedure.WithIdentity(context.Background(), ada)
	fmt.Println(Close.Call(ctx, p, "lobby"))
	_, err := Close.Call(ctx, p, "attic")
	fmt.Println(err)

	ada.Expires = time.Now().Add(-time.Minute)
	_, err = Close.Call(procedure.WithIdentity(ctx, ada), p, "lobby")
	fmt.Println(procedure.AsError(err).Code)
	// Output:
	// lobby is closed <nil>
	// FORBIDDEN: the attic is not yours
	// UNAUTHORIZED
}
