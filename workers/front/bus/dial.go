package bus

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"
)

// systemBus is where a system bus is when the environment names no other (D-Bus specification, "Well-known Message
// Bus Instances").
const systemBus = "unix:path=/run/dbus/system_bus_socket;unix:path=/var/run/dbus/system_bus_socket"

// dial connects to the first address of the system bus that takes a connection.
func dial(ctx context.Context) (net.Conn, error) {
	addresses := os.Getenv("DBUS_SYSTEM_BUS_ADDRESS")
	if addresses == "" {
		addresses = systemBus
	}
	var failed error
	for one := range strings.SplitSeq(addresses, ";") {
		network, at, err := address(one)
		if err == nil {
			var conn net.Conn
			var d net.Dialer
			if conn, err = d.DialContext(ctx, network, at); err == nil {
				return bounded{conn}, nil
			}
		}
		if failed == nil {
			failed = err
		}
	}
	return nil, failed
}

// address reads one address of a bus (D-Bus specification, "Server Addresses").
func address(text string) (network, at string, err error) {
	transport, rest, ok := strings.Cut(text, ":")
	if !ok {
		return "", "", fmt.Errorf("%q is no address of a bus", text)
	}
	keys := make(map[string]string)
	for pair := range strings.SplitSeq(rest, ",") {
		key, value, _ := strings.Cut(pair, "=")
		if keys[key], err = dbus.UnescapeBusAddressValue(value); err != nil {
			return "", "", fmt.Errorf("%q is no address of a bus: %w", text, err)
		}
	}
	switch {
	case transport == "unix" && keys["path"] != "":
		return "unix", keys["path"], nil
	case transport == "unix" && keys["abstract"] != "":
		return "unix", "@" + keys["abstract"], nil
	case transport == "tcp" && keys["host"] != "" && keys["port"] != "":
		return "tcp", net.JoinHostPort(keys["host"], keys["port"]), nil
	}
	return "", "", fmt.Errorf("%q is no address of a bus that can be dialed: unix:path=, unix:abstract= or tcp: is",
		text)
}

// bounded is a connection whose other end may not keep a writer waiting. The D-Bus library cannot close a connection
// while it writes to it, so that a bus which has stopped reading would hold it for ever.
type bounded struct{ net.Conn }

func (b bounded) Write(text []byte) (int, error) {
	if err := b.SetWriteDeadline(time.Now().Add(busPatience)); err != nil {
		return 0, err
	}
	n, err := b.Conn.Write(text)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = fmt.Errorf("the bus has taken nothing for %v", busPatience)
	}
	return n, err
}
