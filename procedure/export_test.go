package procedure

// Boxed is what calls and streams make of a value.
func Boxed(v any) Body { return boxed(v) }
