package conf

import (
	"reflect"
	"slices"
)

// Same says that two virtual servers are the same in everything that a configuration can
// say of them: a reload leaves such a one alone. Of a large configuration all are
// compared at each reload, which reflect.DeepEqual takes ten times as long for.
func (v *VirtualServer) Same(o *VirtualServer) bool {
	return v == o || v.Key == o.Key && v.Group == o.Group && v.Scheduler == o.Scheduler && v.Flags == o.Flags &&
		v.Persistence == o.Persistence && v.PersistenceMask == o.PersistenceMask &&
		v.PersistenceEngine == o.PersistenceEngine && v.Forward == o.Forward && v.GroupAsMark == o.GroupAsMark &&
		v.Quorum == o.Quorum && v.Hysteresis == o.Hysteresis && v.Alpha == o.Alpha && v.Omega == o.Omega &&
		v.HASuspend == o.HASuspend && v.Tunnel == o.Tunnel && v.Weight == o.Weight && v.Inhibit == o.Inhibit &&
		v.VirtualHost == o.VirtualHost && v.SMTPAlert == o.SMTPAlert && v.SNMPName == o.SNMPName &&
		v.Timing == o.Timing && v.DrainTimeout == o.DrainTimeout && v.SlowStart == o.SlowStart &&
		v.EndFlows == o.EndFlows && v.OnlyOnMaster == o.OnlyOnMaster && v.MasterOf == o.MasterOf &&
		sameValue(v.Sorry, o.Sorry) && slices.Equal(v.Services, o.Services) &&
		slices.Equal(v.LocalAddresses, o.LocalAddresses) && sameDeep(v.Match, o.Match) &&
		v.QuorumUp.Same(o.QuorumUp) && v.QuorumDown.Same(o.QuorumDown) &&
		slices.EqualFunc(v.RealServers, o.RealServers, (*RealServer).Same)
}

// Same says that two real servers are the same in everything that a configuration can say
// of them.
func (r *RealServer) Same(o *RealServer) bool {
	return r == o || r.Key == o.Key && r.Protocol == o.Protocol && r.Weight == o.Weight && r.Forward == o.Forward &&
		r.Upper == o.Upper && r.Lower == o.Lower && r.Inhibit == o.Inhibit && r.Alpha == o.Alpha &&
		r.Tunnel == o.Tunnel && r.VirtualHost == o.VirtualHost && r.SMTPAlert == o.SMTPAlert &&
		r.SNMPName == o.SNMPName && r.Timing == o.Timing && r.DrainTimeout == o.DrainTimeout &&
		r.SlowStart == o.SlowStart &&
		r.NotifyUp.Same(o.NotifyUp) && r.NotifyDown.Same(o.NotifyDown) &&
		slices.EqualFunc(r.Checkers, o.Checkers, func(a, b Checker) bool { return a.Same(&b) })
}

// Same says that two checkers do the same.
func (c *Checker) Same(o *Checker) bool {
	return c.Kind == o.Kind && c.ConnectIP == o.ConnectIP && c.ConnectPort == o.ConnectPort && c.BindIP == o.BindIP &&
		c.BindPort == o.BindPort && c.BindIf == o.BindIf && c.FWMark == o.FWMark && c.AsClient == o.AsClient &&
		c.Server == o.Server && c.Timeout == o.Timeout &&
		c.Interval == o.Interval && c.TotalTimeout == o.TotalTimeout && c.Warmup == o.Warmup &&
		c.Retries == o.Retries && c.RetryDelay == o.RetryDelay &&
		c.Alpha == o.Alpha && c.LogAll == o.LogAll && c.BFD == o.BFD && c.Rise == o.Rise &&
		c.UnknownDown == o.UnknownDown && sameDeep(c.HTTP, o.HTTP) &&
		sameDeep(c.SMTP, o.SMTP) && sameDeep(c.DNS, o.DNS) && sameDeep(c.Misc, o.Misc) && sameDeep(c.UDP, o.UDP) &&
		sameDeep(c.File, o.File) && sameValue(c.Agent, o.Agent) && sameDeep(c.Query, o.Query) &&
		sameValue(c.GRPC, o.GRPC)
}

// Same says that two scripts are the same.
func (s Script) Same(o Script) bool {
	return s.User == o.User && s.Group == o.Group && s.Timeout == o.Timeout && s.Command == o.Command &&
		slices.Equal(s.Argv, o.Argv)
}

func sameValue[T comparable](a, b *T) bool { return a == b || a != nil && b != nil && *a == *b }

// sameDeep is for what most have none of.
func sameDeep[T any](a, b *T) bool {
	return a == b || a != nil && b != nil && reflect.DeepEqual(a, b)
}
