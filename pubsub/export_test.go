package pubsub

var ParsePosition = parsePosition
