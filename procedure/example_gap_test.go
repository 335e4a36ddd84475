package procedure_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/zapsocket/zapsocket/procedure"
)

// A function that has no longer all that follows the subscriber's place says
// so, and from where on it has.
func ExampleGap() {
	const Lines procedure.Subscription[struct{}, string] = "log.lines"

	const oldest = 40 // what came before has been thrown away
	p := Lines.Func(func(_ context.Context, _ struct{}, out *procedure.Stream[string]) error {
		last := oldest - 1
		if after := out.After(); after != "" {
			last, _ = strconv.Atoi(after)
		}
		if last < oldest-1 {
			return &procedure.Gap{From: out.After(), To: strconv.Itoa(oldest - 1)}
		}
		for n := last + 1; n <= 42; n++ {
			if err := out.SendTracked(strconv.Itoa(n), fmt.Sprintf("line %d", n)); err != nil {
				return err
			}
		}
		return nil
	})

	ctx := context.Background()
	after := "7" // what the program had seen when it ended
	for again := true; again; {
		again = false
		for line, err := range Lines.Resume(ctx, p, struct{}{}, after) {
			var gap *procedure.Gap
			switch {
			case errors.As(err, &gap):
				fmt.Println("what follows", gap.From, "is gone")
				after, again = gap.To, true
			case err != nil:
				fmt.Println(err)
			default:
				fmt.Println(line.Data)
				after = line.ID
			}
		}
	}
	// Output:
	// what follows 7 is gone
	// line 40
	// line 41
	// line 42
}
