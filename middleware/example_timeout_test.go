package middleware_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/zapsocket/zapsocket/middleware"
	"github.com/zapsocket/zapsocket/procedure"
	"github.com/zapsocket/zapsocket/router"
)

func ExampleTimeout() {
	const Report procedure.Query[struct{}, string] = "report.yearly"

	r := router.New(middleware.Timeout(10 * time.Millisecond))
	r.Handle(Report.Func(func(ctx context.Context, _ struct{}) (string, error) {
		<-ctx.Done() // as a database query would
		return "", ctx.Err()
	}))

	_, err := Report.Call(context.Background(), r, struct{}{})
	fmt.Println(errors.Is(err, procedure.CodeTimeout))
	fmt.Println(procedure.AsError(err).Message)
	// Output:
	// true
	// report.yearly took longer than 10ms
}
