package front

import (
	"encoding/json"
	"time"
)

// PeerFrame is the kind of the frames about other directors: to the front a PeerMessage, from it
// PeerNews, in JSON.
const PeerFrame Kind = 'p'

// MaxPeers is how many peers a configuration may have.
const MaxPeers = 8

// MaxPeerMessage bounds the body of a message between directors, in bytes. What tells of 40,000 real
// servers takes less.
const MaxPeerMessage = 4 << 20

// MaxPeerFrame bounds a frame with such a message.
const MaxPeerFrame = MaxPeerMessage + MaxFromFront

// Peers are the other directors that this one talks to.
type Peers struct {
	Host string // what this host is called
	List []Peer
}

// Peer is another director.
type Peer struct {
	Address string // an IP address: it names the peer, and is where its connections come from
	Dial    string // address and port where it listens
	// Listen is the address and port where this host waits for it. Without an address it is the one that
	// this host has towards the peer.
	Listen string
	Key    []byte // that both have
}

// PeerMessage goes from one supervisor to another. The latest of a kind is what counts: one before it
// that has not left is dropped.
type PeerMessage struct {
	Peer string // its Address; empty is all
	Kind string
	Body json.RawMessage
}

// PeerNews is what the front has of a peer: how the connection is, or a message.
type PeerNews struct {
	Peer string // its Address
	Link *PeerLink
	Kind string // of the message
	Body json.RawMessage
}

// The faults of a link for which waiting is no cure.
const (
	FaultKey      = "key"      // the peer has another key
	FaultProtocol = "protocol" // it speaks another version
	FaultItself   = "itself"   // it is this host
)

// LinkInterval is how often the front tells at least how a link is that is up.
const LinkInterval = 5 * time.Second

// PeerLink is how the connection to a peer is.
type PeerLink struct {
	Up   bool
	Name string // of its host; empty is not known
	// Session is another number for each connection of one front.
	Session uint64
	// Two says that two directors answer as this peer in turn.
	Two bool
	// Why says why it is not up, for people, and Fault, when it is one of those above.
	Why, Fault string
	// Offset is how far its clock is ahead, wrong by half of RoundTrip at most; both are 0 before they
	// are known.
	Offset, RoundTrip time.Duration
}
