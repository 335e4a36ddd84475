package engine

// ScanParams reads tRPC's connection params message. Its error is a
// *Malformed, in tRPC's words.
func ScanParams(message []byte) (map[string]string, error) {
	var (
		s       = Scanner{MaxDepth: 8}
		found   bool
		params  map[string]string
		members memberSet
		shape   = &Malformed{"Invalid connection params shape"}
	)
	i := skipSpace(message, 0)
	if i == len(message) || message[i] != '{' {
		return nil, &Malformed{"Malformed TRPCConnectionParamsMessage"}
	}
	end, err := s.scanObject(message, i, &members, func(name []byte, start int) (int, error) {
		if string(name) != "data" {
			return s.skipUnknown(message, start)
		}
		found = true
		if start >= len(message) || message[start] != '{' {
			end, _ := skipValue(message, start, s.MaxDepth)
			if end > 0 && string(message[start:end]) != "null" {
				return end, shape
			}
			return end, nil
		}
		params = map[string]string{}
		var values memberSet
		return s.scanObject(message, start, &values, func(name []byte, start int) (int, error) {
			text, end, err := scanText(message, start, "")
			params[string(name)] = string(text)
			return end, err
		})
	})
	switch {
	case end < 0 || skipSpace(message, end) != len(message):
		return nil, &Malformed{"Malformed TRPCConnectionParamsMessage"}
	case err != nil || !found:
		return nil, shape
	}
	return params, nil
}
