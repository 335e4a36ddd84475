package procedure_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/zapsocket/zapsocket/procedure"
)

// The caller reads the message, without what %w wraps. The rest is for the log
// and for code on this side of the wire.
func ExampleErrorf() {
	err := procedure.Errorf(procedure.CodeConflict, "save room %q: %w", "Lobby", fs.ErrExist)

	fmt.Println("caller:", procedure.AsError(err).Message)
	fmt.Println("log:   ", err)
	fmt.Println(errors.Is(err, procedure.CodeConflict), errors.Is(err, fs.ErrExist))
	// Output:
	// caller: save room "Lobby"
	// log:    CONFLICT: save room "Lobby": file already exists
	// true true
}

// A code is an error itself, to return and to ask for.
func ExampleCode() {
	const Find procedure.Query[int, string] = "room.find"

	p := Find.Func(func(_ context.Context, id int) (string, error) {
		switch id {
		case 7:
			return "Lobby", nil
		case 8:
			return "", errors.New("disk 3 at /var/rooms is full") // is not told
		}
		return "", procedure.CodeNotFound
	})

	for _, id := range []int{7, 8, 9} {
		room, err := Find.Call(context.Background(), p, id)
		switch {
		case errors.Is(err, procedure.CodeNotFound):
			fmt.Println(id, "does not exist")
		case err != nil:
			told, _ := procedure.Outgoing(err) // what a transport sends of it
			fmt.Println(id, told.Code, told.Message)
		default:
			fmt.Println(id, room)
		}
	}
	// Output:
	// 7 Lobby
	// 8 INTERNAL_SERVER_ERROR Internal server error
	// 9 does not exist
}
