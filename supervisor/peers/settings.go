package peers

import (
	"net"
	"net/netip"
	"os"
	"strconv"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/keyfile"
	"github.com/lvs-director/director/worker/front"
)

// Settings are what the front is told of the peers of a configuration. One without a key is left out:
// that is a finding of the configuration.
func Settings(cfg *conf.Config, keys keyfile.Keys) (s front.Peers) {
	for _, p := range cfg.Peers {
		key := keys.Peer(p)
		if key == "" {
			continue
		}
		one := front.Peer{
			Address: p.Address.String(), Dial: netip.AddrPortFrom(p.Address, p.Port).String(),
			Listen: net.JoinHostPort("", strconv.Itoa(int(p.Port))), Key: []byte(key),
		}
		if p.Listen.IsValid() {
			one.Listen = p.Listen.String()
		}
		s.List = append(s.List, one)
	}
	if len(s.List) > 0 {
		s.Host = Host()
	}
	return s
}

// Host is the name of this host.
func Host() string {
	name, err := os.Hostname()
	if err != nil || name == "" {
		return "localhost"
	}
	return name
}
