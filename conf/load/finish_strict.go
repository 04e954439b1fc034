package load

import (
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load/value"
)

func (l *loader) finishAuth(in *conf.Instance) {
	switch {
	case in.Auth.Type == conf.NoAuth && in.Auth.Pass == "":
	case in.Version == 3:
		l.Warn(l.AuthNode[in], "auth-version", "(%s) version 3 has no authentication: it is ignored",
			value.Clip(in.Name)).Hint = "auth_hmac signs advertisements of version 3"
		in.Auth = conf.Authentication{}
	case in.Auth.Type == conf.NoAuth:
		l.Note(l.AuthNode[in], "auth-type",
			"(%s) auth_pass is set and auth_type is not: advertisements are not authenticated",
			value.Clip(in.Name))
		in.Auth = conf.Authentication{}
	case in.Auth.Pass == "":
		l.Warn(l.AuthNode[in], "auth-pass", "(%s) auth_pass is missing: advertisements are not authenticated",
			value.Clip(in.Name))
		in.Auth = conf.Authentication{}
	case in.Auth.Type == conf.AHAuth && in.Master:
		l.warnAtKeyword(in, "state", "auth-state", "(%s) state MASTER does not work with AH authentication: BACKUP is used",
			value.Clip(in.Name))
		in.Master = false
	}
	h := in.HMAC
	if h == nil {
		return
	}
	n := l.HMACNode[in]
	switch {
	case in.Auth.Type != conf.NoAuth:
		l.Warn(n, "auth-both", "(%s) auth_hmac and authentication exclude each other: auth_hmac is ignored",
			value.Clip(in.Name))
		in.HMAC = nil
		return
	case h.Mode != "receive-only" && !hasKey(h, h.ActiveKey):
		l.Warn(n, "auth-key", "(%s) auth_hmac has no key %d to sign with: it is ignored", value.Clip(in.Name),
			h.ActiveKey).Hint = "set active_key to the ID of a key"
		in.HMAC = nil
		return
	case in.Strict && h.Mode != "enforce":
		l.Warn(n, "strict",
			"(%s) strict mode allows only mode enforce of auth_hmac: auth_hmac is ignored", value.Clip(in.Name))
		in.HMAC = nil
		return
	}
	if h.TimeWindow == 0 && !h.Monotonic {
		h.TimeWindow = max(3*in.AdvertInterval, 5*time.Second)
	}
}

func hasKey(h *conf.AuthHMAC, id uint8) bool {
	for _, k := range h.Keys {
		if k.ID == id {
			return true
		}
	}
	return false
}

// strict applies strict mode (vrrp_strict, strict_mode), which refuses what
// the RFC does not have.
func (l *loader) strict(in *conf.Instance) {
	name := value.Clip(in.Name)
	n := l.Node(in)
	if len(in.UnicastPeers) > 0 {
		f := l.Warn(n, "strict", "(%s) strict mode does not allow unicast: it is used anyway", name)
		f.Hint = "keepalived 2.2.7 to 2.3.4 runs this, later ones refuse it: remove vrrp_strict, or set strict_mode false " +
			"in the instance"
	}
	if in.Master != (in.Priority == 255) {
		l.warnAtKeyword(in, "state", "strict",
			"(%s) strict mode wants state MASTER with priority 255 and BACKUP with any other",
			name)
		in.Master = in.Priority == 255
	}
	if in.Auth.Type != conf.NoAuth {
		l.Warn(l.AuthNode[in], "strict", "(%s) strict mode does not allow authentication: it is ignored", name)
		in.Auth = conf.Authentication{}
	}
	if in.PreemptDelay != 0 {
		l.warnAtKeyword(in, "preempt_delay", "strict",
			"(%s) strict mode does not allow preempt_delay: it is ignored", name)
		in.PreemptDelay = 0
	}
	if in.DownTimerAdverts != 3 {
		l.warnAtKeyword(in, "down_timer_adverts", "strict",
			"(%s) strict mode allows only 3 down_timer_adverts: 3 is used", name)
		in.DownTimerAdverts = 3
	}
	accept := l.Sources.Has(in, "accept") && !in.NoAccept
	if accept && in.Version == 2 {
		l.warnAtKeyword(in, "accept", "strict",
			"(%s) strict mode does not allow accept in version 2: it is ignored", name)
		accept = false
	}
	if !accept && in.Priority != 255 && !in.NoAccept {
		in.NoAccept = true
		l.Note(n, "strict-accept",
			"(%s) in strict mode the virtual addresses answer neither ping nor TCP: packets to them are dropped", name)
	}
	if in.VMACXmit {
		l.warnAtKeyword(in, "vmac_xmit_base", "strict",
			"(%s) strict mode does not allow vmac_xmit_base: it is ignored", name)
		in.VMACXmit = false
	}
	if in.VMAC != nil && in.VMAC.MAC != "" {
		l.warnAtKeyword(in, "use_vmac", "strict",
			"(%s) strict mode allows only the virtual MAC address of RFC 9568: %s is ignored", name, in.VMAC.MAC)
		in.VMAC.MAC = ""
	}
	list := l.Addresses[in]
	if in.IPv6 && len(list) > 0 && !list[0].Prefix.Addr().IsLinkLocalUnicast() {
		l.Warn(list[0].Node, "strict",
			"(%s) the first address of an IPv6 instance must be link-local (RFC 9568 section 5.2.9)", name)
	}
	if len(list) == 0 && in.Version == 2 {
		l.Err(n, "strict", "(%s) strict mode needs a virtual address", name)
	}
	in.GARP.LowerPrioRepeat, in.GARP.LowerPrioDelay = 0, 0
	in.LowerPrioNoAdvert, in.HigherPrioSendAdvert = true, false
	in.OwnerIgnoreAdverts = true
}
