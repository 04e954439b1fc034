package load

import (
	"net/netip"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load/keyword"
	"github.com/lvs-director/director/conf/load/value"
)

// finishTiming fills in what a block inherits from the one around it.
func (l *loader) finishTiming(t, outer *conf.CheckTiming) {
	if outer == nil {
		outer = &conf.CheckTiming{Interval: keyword.DefaultInterval, Retries: -1, RetryDelay: -1,
			Timeout: keyword.DefaultTimeout, Warmup: -1}
	}
	if t.Interval < 0 {
		t.Interval = outer.Interval
	}
	if t.Timeout < 0 {
		t.Timeout = outer.Timeout
	}
	if t.Retries < 0 {
		t.Retries = outer.Retries
	}
	if t.Rise == 0 {
		t.Rise = outer.Rise
	}
	if t.RetryDelay < 0 {
		t.RetryDelay = outer.RetryDelay
	}
	if t.Warmup < 0 {
		t.Warmup = outer.Warmup
	}
}

// finishChecker applies what a checker inherits, and the defaults of its kind.
func (l *loader) finishChecker(v *conf.VirtualServer, r *conf.RealServer, c *conf.Checker) {
	t := conf.CheckTiming{Interval: c.Interval, Retries: c.Retries, RetryDelay: c.RetryDelay, Timeout: c.Timeout,
		Warmup: c.Warmup, Rise: c.Rise}
	l.finishTiming(&t, &r.Timing)
	retries, delay := keyword.DefaultRetries, keyword.DefaultRetryDelay
	switch c.Kind {
	case conf.HTTPGet, conf.SSLGet:
		delay = keyword.HTTPRetryDelay
	case conf.DNSCheck:
		retries, delay = keyword.DNSRetries, t.Interval
	case conf.MiscCheck:
		retries = 0
	}
	if t.Retries < 0 {
		t.Retries = retries
	}
	if t.RetryDelay < 0 {
		t.RetryDelay = delay
	}
	if t.Warmup < 0 {
		t.Warmup = t.Interval
	}
	c.Interval, c.Retries, c.RetryDelay, c.Timeout, c.Warmup = t.Interval, t.Retries, t.RetryDelay, t.Timeout, t.Warmup
	c.Rise = t.Rise

	has := l.Sources.Of(c).Has
	if !has("alpha") {
		c.Alpha = r.Alpha
	}
	if !has("log_all_failures") {
		c.LogAll = l.Config.Global.LogAllFailures
	}
	if !c.ConnectIP.IsValid() {
		c.ConnectIP = r.Key.Address
	}
	if c.ConnectPort == 0 {
		c.ConnectPort = r.Key.Port
		if c.ConnectPort == 0 && c.Kind != conf.PingCheck && c.Kind != conf.MiscCheck && c.Kind != conf.FileCheck &&
			c.Kind != conf.BFDCheck {
			l.Note(l.Node(c), "no-port", "%s of %s has no port to connect to", c.Kind, r.Key.Address).Hint = "set connect_port"
		}
	}
	if c.Agent != nil && !has("connect_port") {
		l.Note(l.Node(c), "agent-port", "AGENT_CHECK has no connect_port: it asks port %d, where clients are served",
			c.ConnectPort).Hint = "set connect_port to that of the agent"
	}
	if c.BindIP.IsValid() && c.BindIP.Is6() != c.ConnectIP.Is6() {
		l.warnAtKeyword(c, "bindto", "family", "bindto %s is of another family than %s: it is ignored", c.BindIP, c.ConnectIP)
		c.BindIP = netip.Addr{}
	}
	switch {
	case c.HTTP != nil:
		if c.HTTP.VirtualHost == "" {
			c.HTTP.VirtualHost = r.VirtualHost
		}
		for i := range c.HTTP.URLs {
			if u := &c.HTTP.URLs[i]; u.VirtualHost == "" {
				u.VirtualHost = c.HTTP.VirtualHost
			}
		}
		if c.Kind == conf.SSLGet && l.Config.SSL != (conf.SSL{}) {
			c.HTTP.SSL = &l.Config.SSL
		}
	case c.Misc != nil:
		if c.Misc.Timeout == 0 {
			c.Misc.Timeout = c.Interval
		}
		c.Misc.Script.Timeout = c.Misc.Timeout
	case c.File != nil:
		f := l.Files[c.File.Name]
		if f == nil {
			why, suggestion := l.Undefined("track_file", c.File.Name, l.trackerNames(keyword.KindFile))
			l.Warn(l.Node(c), "not-found", "track_file %s of FILE_CHECK %s: the check always fails%s", value.Clip(c.File.Name),
				why, suggestion)
		} else if !has("weight") {
			c.File.Weight, c.File.Reverse = f.Weight, f.Reverse
		}
	case c.BFD != "":
		l.finishBFDCheck(c)
	}
}
