package metrics

import "github.com/prometheus/client_golang/prometheus"

// Peer is another director that this one talks to.
type Peer struct {
	Address     string `json:"address"`
	Up          bool   `json:"up"`
	Ready       bool   `json:"ready"`
	ConfigEqual bool   `json:"config_equal"`
}

// peerDescs are the series of peers.
type peerDescs struct{ up, ready, equal *prometheus.Desc }

func newPeerDescs(desc func(name, help string, labels ...string) *prometheus.Desc) peerDescs {
	return peerDescs{
		up:    desc("peer_up", "1 when the peer is connected.", "peer"),
		ready: desc("peer_ready", "1 when the peer says that it could take over.", "peer"),
		equal: desc("peer_config_equal", "1 when the peer has the same configuration, but for what has to differ.", "peer"),
	}
}

// peers tells of all. What a peer that is not connected has is not known, and not there.
func (c *collector) peers(w writer) {
	for _, p := range c.s.Peers {
		w.gauge(c.descs.peer.up, truth(p.Up), p.Address)
		w.gauge(c.descs.peer.ready, truth(p.Up && p.Ready), p.Address)
		if p.Up {
			w.gauge(c.descs.peer.equal, truth(p.ConfigEqual), p.Address)
		}
	}
}
