package wire_test

import (
	"math"
	"os"
	"reflect"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/zapsocket/zapsocket/wire"
)

// A limit is what a field of Limits is meant to be.
type limit struct {
	server, client any // the defaults
	off            any // what a negative value becomes; nil if it cannot be switched off
}

// same is a limit whose default is the same at both ends.
func same(value, off any) limit { return limit{value, value, off} }

// limits has a row for every field.
var limits = map[string]limit{
	"Message":          {int64(4 << 20), int64(16<<20 + 64<<10), nil},
	"MessageBytes":     {int64(4<<20*9/8 + 16<<10), int64((16<<20+64<<10)*9/8 + 16<<10), int64(math.MaxInt64)},
	"Input":            {1<<20 + 64<<10, 4<<20 - 64<<10, math.MaxInt},
	"Reply":            same(16<<20, math.MaxInt),
	"Params":           same(16<<10, math.MaxInt),
	"ParamsTimeout":    same(5*time.Second, time.Duration(math.MaxInt64)),
	"ContextTimeout":   same(10*time.Second, time.Duration(math.MaxInt64)),
	"Stall":            same(10*time.Second, time.Duration(math.MaxInt64)),
	"MinRate":          same(4096, 0),
	"Batch":            same(256, math.MaxInt),
	"Depth":            same(128, nil),
	"Calls":            same(64, math.MaxInt),
	"Waiting":          same(256, math.MaxInt),
	"WaitTimeout":      same(10*time.Second, time.Duration(math.MaxInt64)),
	"Subscriptions":    same(128, math.MaxInt),
	"ChurnRate":        same(50.0, math.MaxFloat64),
	"ChurnBurst":       same(512, math.MaxInt),
	"PingRate":         same(20.0, math.MaxFloat64),
	"PingBurst":        same(256, math.MaxInt),
	"ControlPingRate":  same(5.0, math.MaxFloat64),
	"ControlPingBurst": same(20, math.MaxInt),
	"Queue":            same(64<<10, nil),
	"StreamItems":      same(256, nil),
	"StreamBytes":      same(1<<20, nil),
	"ProbeAfter":       same(25*time.Second, time.Duration(math.MaxInt64)),
	"ProbeTimeout":     same(10*time.Second, time.Duration(math.MaxInt64)),
	"Conns":            same(math.MaxInt, math.MaxInt),
	"ConnsPerIP":       same(1000, math.MaxInt),
	"ConnsPerUser":     same(math.MaxInt, math.MaxInt),
	"HandshakeRate":    same(50.0, math.MaxFloat64),
	"HandshakeBurst":   same(200, math.MaxInt),
}

// ends are the two ways to fill in what is not set.
var ends = map[string]struct {
	fill     func(wire.Limits) wire.Limits
	standard func(limit) any
}{
	"server": {wire.Limits.Server, func(l limit) any { return l.server }},
	"client": {wire.Limits.Client, func(l limit) any { return l.client }},
}

// A field that is new needs a row above, and a place in the documentation.
func TestEveryLimitHasItsRow(t *testing.T) {
	page, err := os.ReadFile("../docs/limits.md")
	require.NoError(t, err)
	fields := reflect.VisibleFields(reflect.TypeFor[wire.Limits]())
	for _, f := range fields {
		require.Contains(t, limits, f.Name)
		require.Contains(t, string(page), "`"+f.Name+"`")
	}
	require.Len(t, limits, len(fields), "a row without a field")
}

// Zero is the default of the end that asks.
func TestLimitsDefaults(t *testing.T) {
	for end, e := range ends {
		got := reflect.ValueOf(e.fill(wire.Limits{}))
		for name, want := range limits {
			require.Equal(t, e.standard(want), got.FieldByName(name).Interface(), "%s of a %s", name, end)
		}
	}
}

// with returns the limits of which one field is set to v.
func with(name string, v float64) wire.Limits {
	var l wire.Limits
	f := reflect.ValueOf(&l).Elem().FieldByName(name)
	f.Set(reflect.ValueOf(v).Convert(f.Type()))
	return l
}

// A negative value is no limit, or the default for what cannot be switched off.
func TestLimitsSwitchedOff(t *testing.T) {
	for end, e := range ends {
		for name, row := range limits {
			want := row.off
			if want == nil {
				want = e.standard(row)
			}
			for _, negative := range []float64{-1, -1 << 30} {
				got := reflect.ValueOf(e.fill(with(name, negative))).FieldByName(name).Interface()
				require.Equal(t, want, got, "%s of a %s", name, end)
			}
		}
	}
}

// A value that is set stays, and changes nothing else, but that the bytes for
// a message follow from its size.
func TestLimitsThatAreSet(t *testing.T) {
	for end, e := range ends {
		for name := range limits {
			for _, v := range []float64{1, 1 << 30} {
				set := with(name, v)
				got := reflect.ValueOf(e.fill(set))
				for other, row := range limits {
					switch {
					case other == name:
						require.Equal(t, reflect.ValueOf(set).FieldByName(name).Interface(), got.FieldByName(name).Interface(), "%s of a %s", name, end)
					case name == "Message" && other == "MessageBytes":
					default:
						require.Equal(t, e.standard(row), got.FieldByName(other).Interface(), "%s of a %s with another %s", other, end, name)
					}
				}
			}
		}
	}
}

func TestMessageBytesFollowFromMessage(t *testing.T) {
	for message, want := range map[int64]int64{
		1:                                1 + 16<<10,
		8:                                9 + 16<<10,
		1 << 20:                          1<<20 + 128<<10 + 16<<10,
		8 * (math.MaxInt64/9 - 16<<10):   9*(math.MaxInt64/9-16<<10) + 16<<10,
		math.MaxInt64 - math.MaxInt64/16: math.MaxInt64, // it does not overflow
		math.MaxInt64:                    math.MaxInt64,
	} {
		for _, e := range ends {
			require.Equal(t, want, e.fill(wire.Limits{Message: message}).MessageBytes, message)
			require.EqualValues(t, 5, e.fill(wire.Limits{Message: message, MessageBytes: 5}).MessageBytes)
		}
	}
}
