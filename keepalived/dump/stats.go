package dump

import "github.com/lvs-director/director/event"

// Stats is keepalived.stats: the counters of every instance, in the order of Data.
func Stats(f *Facts) []byte {
	t := &text{}
	for n := range f.Instances {
		c := Counted(f.Instances[n].Counters)
		t.line(0, "VRRP Instance: %s", clean(f.Instances[n].Config.Name))
		t.line(2, "Advertisements:")
		t.line(4, "Received: %d", c.Received)
		t.line(4, "Sent: %d", c.Sent)
		t.line(2, "Became master: %d", c.Masters)
		t.line(2, "Released master: %d", c.Released)
		t.line(2, "Packet Errors:")
		t.line(4, "Length: %d", c.Length)
		t.line(4, "TTL: %d", c.TTL)
		t.line(4, "Invalid Type: %d", c.Type)
		t.line(4, "Advertisement Interval: %d", c.Interval)
		t.line(4, "Address List: %d", c.AddressList)
		t.line(2, "Authentication Errors:")
		t.line(4, "Invalid Type: %d", c.AuthInvalid)
		t.line(4, "Type Mismatch: %d", c.AuthMismatch)
		t.line(4, "Failure: %d", c.AuthFailure)
		t.line(2, "Authentication Extension Errors:")
		t.line(4, "Missing: %d", c.ExtMissing)
		t.line(4, "Malformed: %d", c.ExtMalformed)
		t.line(4, "Unknown Key: %d", c.ExtUnknownKey)
		t.line(4, "Invalid HMAC: %d", c.ExtInvalidHMAC)
		t.line(4, "Stale: %d", c.ExtStale)
		t.line(4, "Replay: %d", c.ExtReplay)
		t.line(2, "Priority Zero:")
		t.line(4, "Received: %d", c.ZeroReceived)
		t.line(4, "Sent: %d", c.ZeroSent)
	}
	return t.Bytes()
}

// Counts are an instance's counters as keepalived counts, in the order of its JSON.
type Counts struct {
	Received       uint64 `json:"advert_rcvd"`
	Sent           uint64 `json:"advert_sent"`
	Masters        uint64 `json:"become_master"`
	Released       uint64 `json:"release_master"`
	Length         uint64 `json:"packet_len_err"`
	Interval       uint64 `json:"advert_interval_err"`
	TTL            uint64 `json:"ip_ttl_err"`
	Type           uint64 `json:"invalid_type_rcvd"`
	AddressList    uint64 `json:"addr_list_err"`
	AuthInvalid    uint64 `json:"invalid_authtype"`
	AuthMismatch   uint64 `json:"authtype_mismatch"`
	AuthFailure    uint64 `json:"auth_failure"`
	ExtMissing     uint64 `json:"auth_ext_missing"`
	ExtMalformed   uint64 `json:"auth_ext_malformed"`
	ExtUnknownKey  uint64 `json:"auth_ext_unknown_key"`
	ExtInvalidHMAC uint64 `json:"auth_ext_invalid_hmac"`
	ExtStale       uint64 `json:"auth_ext_stale"`
	ExtReplay      uint64 `json:"auth_ext_replay"`
	ZeroReceived   uint64 `json:"pri_zero_rcvd"`
	ZeroSent       uint64 `json:"pri_zero_sent"`
}

// Counted are counters in keepalived's terms. The reasons are those of vrrp/packet.
func Counted(c event.InstanceCounters) Counts {
	d := c.Dropped
	return Counts{
		Received: c.Received, Sent: c.Sent, Masters: c.Masters, Released: c.Released,
		Length: d["truncated"] + d["trailing-data"], Interval: d["interval"] + d["zero-interval"], TTL: d["ttl"],
		Type: d["type"], AddressList: d["no-addresses"] + c.AddressMismatch, AuthMismatch: d["auth-type"],
		AuthFailure: d["auth-failed"] + d["auth-replay"] + d["bad-ah"], ExtMissing: d["hmac-missing"],
		ExtMalformed: d["hmac-malformed"], ExtUnknownKey: d["hmac-unknown-key"], ExtInvalidHMAC: d["hmac-digest"],
		ExtStale: d["hmac-stale"], ExtReplay: d["hmac-replay"], ZeroReceived: c.PriorityZeroReceived,
		ZeroSent: c.PriorityZeroSent,
	}
}
