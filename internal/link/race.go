//go:build race && !js

package link

const raceEnabled = true
