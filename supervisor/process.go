package supervisor

import (
	"cmp"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/keepalived/commandline"
	"github.com/lvs-director/director/netns"
	"github.com/lvs-director/director/signals"
	"github.com/lvs-director/director/supervisor/fronts"
	"github.com/lvs-director/director/supervisor/peers"
	"github.com/lvs-director/director/supervisor/rollout"
	"github.com/lvs-director/director/worker"
	"github.com/lvs-director/director/worker/front"
)

// defaultRealTime is the SCHED_RR priority of the vrrp worker unless
// vrrp_rt_priority names another one: above every ordinary program, below what
// kernels use for themselves.
const defaultRealTime = 20

// startWorker starts the process of a worker with what it needs of root's power.
func startWorker(log *slog.Logger, name string, o *Options, privilege worker.Privilege, peer *os.File) (*exec.Cmd,
	error) {
	cmd := exec.Command("/proc/self/exe", workerArgs(name, o)...)
	cmd.Args[0] = os.Args[0]
	cmd.Stderr = os.Stderr
	cmd.ExtraFiles = []*os.File{peer} // becomes worker.ConnFD
	refused, err := worker.Start(cmd, privilege)
	if refused != nil {
		log.Warn("the kernel refused a privilege to a worker",
			"worker", name, "refused", strings.ReplaceAll(refused.Error(), "\n", "; "))
	}
	return cmd, err
}

// releasePatience bounds the time of removing what a worker left in the kernel, and releaseLimit that on
// a host that has no time for anybody (rollout.Patience).
const (
	releasePatience = 5 * time.Second
	releaseLimit    = 20 * time.Second
)

// release removes what a worker left in the kernel. That may need the very lock
// in the kernel that the worker has died of, so a process of its own does it.
func release(name string, o *Options, privilege worker.Privilege) error {
	return signals.Run(func() error { return releaseOnce(name, o, privilege) })
}

func releaseOnce(name string, o *Options, privilege worker.Privilege) error {
	cmd := exec.Command("/proc/self/exe", append(workerFlags(name, o), "--release")...)
	cmd.Args[0] = os.Args[0]
	cmd.Stderr = os.Stderr
	privilege.RealTime = 0
	if _, err := worker.Start(cmd, privilege); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- signals.Wait(cmd) }()
	began := time.Now()
	patience := rollout.NewPatience(began, releasePatience, releaseLimit)
	for {
		select {
		case err := <-ended:
			return err
		case <-time.After(time.Until(patience.Next())):
		}
		if patience.IsOver(time.Now()) {
			_ = cmd.Process.Kill() // it may have ended; if it cannot, whoever waits for it does so beside us
			return fmt.Errorf("it took longer than %v", time.Since(began).Round(time.Second))
		}
	}
}

// workerArgs is the command line of a worker. What director was started with
// stands at its end, so that ps tells whose worker it is.
func workerArgs(name string, o *Options) []string {
	return append(append(workerFlags(name, o), "--"), os.Args[1:]...)
}

func workerFlags(name string, o *Options) []string {
	to := o.LogTo
	to.Identifier = commandline.Identifier(name, o.identity.namespace, o.identity.instance)
	return append([]string{"worker", name, "--run-dir", string(o.RunDir)}, to.Args()...)
}

// privilege is what a worker keeps of root's power, and where it runs.
func privilege(name string, cfg *conf.Config) worker.Privilege {
	p := worker.Privilege{
		Capabilities: []uintptr{unix.CAP_NET_ADMIN, unix.CAP_NET_RAW, unix.CAP_NET_BIND_SERVICE},
		Namespace:    workerNamespace(name, cfg),
	}
	if name == worker.VRRP {
		p.Capabilities = append(p.Capabilities, unix.CAP_SYS_NICE, unix.CAP_IPC_LOCK)
		p.RealTime = cmp.Or(cfg.Global.VRRPRealTimePriority, defaultRealTime)
	}
	return p
}

// frontSettings are what a configuration, its keys and the command line ask of the front.
func (s *supervisor) frontSettings(l *loaded) front.Settings {
	cfg, at := l.cfg, s.opts.Metrics
	m := front.Metrics{Listen: at, RealServers: cfg.Metrics.RealServers.Bool(true), Network: cfg.Metrics.Network,
		Keepalived: cfg.Metrics.Compat != "" || s.opts.MetricsCompat != ""}
	if at == "" && cfg.Metrics.Listen.IsValid() {
		m.Listen = cfg.Metrics.Listen.String()
	}
	return front.Settings{
		Metrics: m, Web: fronts.Web(&cfg.Web, l.keys), Peers: peers.Settings(cfg, l.keys), DBus: s.dbusSettings(cfg),
	}
}

// dbusName is the name on the bus unless dbus_service_name gives another one.
const dbusName = "org.keepalived.Vrrp1"

// dbusSettings are what the configuration asks of D-Bus.
func (s *supervisor) dbusSettings(cfg *conf.Config) (d front.DBus) {
	if !cfg.Global.DBus.Enabled {
		return d
	}
	d = front.DBus{
		Name: cmp.Or(cfg.Global.DBus.Name, dbusName), Namespace: cfg.NetworkNamespace, Instance: cfg.InstanceName,
		NoInterface: cmp.Or(cfg.Global.DBus.NoInterface, "none"), Generation: s.reload.Generation(),
	}
	for _, i := range cfg.Instances {
		known, _ := s.known.Of(i)
		d.Instances = append(d.Instances, front.DBusInstance{
			ID: i.ID().String(), Name: i.Name, Interface: i.Interface, VRID: i.VRID, IPv6: i.IPv6,
			State: known.State, Since: known.Since,
		})
	}
	return d
}

// enterNamespace moves this process into the network namespace of net_namespace,
// with all that it starts later: it executes itself again from a thread that is
// there. It returns when the process is where the configuration wants it. It
// must be called before anything is open that the next program would not know.
func (c *Options) enterNamespace(cfg *conf.Config) error {
	name := cfg.NetworkNamespace
	if name == "" {
		return nil
	}
	inside, err := netns.Inside(name)
	if err != nil {
		return fmt.Errorf("net_namespace: %w", err)
	}
	if inside {
		return nil
	}
	runtime.LockOSThread() // for good: without an exec this process ends
	noSys, err := netns.Enter(name)
	if err != nil {
		return fmt.Errorf("net_namespace: %w", err)
	}
	if noSys != nil {
		c.Log.Warn("running in another network namespace", "problem", noSys)
	}
	c.Log.Info("running in another network namespace", "net_namespace", name)
	env := c.holdSignals(c.Daemon.Environment())
	c.Flush()
	if err := syscall.Exec("/proc/self/exe", os.Args, env); err != nil {
		return fmt.Errorf("net_namespace: executing director in network namespace %s: %w", name, err)
	}
	return nil // unreachable
}

// workerNamespace is the network namespace that a worker runs in; empty is that
// of the supervisor.
func workerNamespace(name string, cfg *conf.Config) string {
	if name == worker.LVS && cfg.IPVSNamespace != cfg.NetworkNamespace {
		return cfg.IPVSNamespace
	}
	return ""
}

// A network namespace lives on without its name while a process is in it. Who
// deletes one and makes another of the same name has director in the old one,
// where no client reaches it, and sees nothing wrong in the new one.

// namespaceProblems says which of the configured namespaces is another one now, or
// none, one a line.
func (s *supervisor) namespaceProblems() []string {
	cfg := s.current().cfg
	list := namespaceProblem(nil, "net_namespace", cfg.NetworkNamespace, "self")
	if name := workerNamespace(string(rollout.LVS), cfg); name != "" {
		for _, w := range s.rollout.Workers() {
			if w.Worker == rollout.LVS && w.Pid != 0 {
				list = namespaceProblem(list, "net_namespace_ipvs", name, fmt.Sprint(w.Pid))
			}
		}
	}
	return list
}

// namespaceProblem compares the namespace of a process with the one that has the
// name now. What cannot be looked at is no problem: the process may just have ended.
func namespaceProblem(list []string, keyword, name, process string) []string {
	if name == "" {
		return list
	}
	info, err := os.Stat("/proc/" + process + "/ns/net")
	if err != nil {
		return list
	}
	ours, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return list
	}
	switch now, err := netns.Identity(name); {
	case err != nil || now == ours.Ino:
		return list
	case now == 0:
		return append(list, fmt.Sprintf("%s: network namespace %s was deleted; director still runs in it: make it again "+
			"and restart director", keyword, name))
	}
	return append(list, fmt.Sprintf("%s: network namespace %s was deleted and made again; director still runs in the "+
		"deleted one: restart director", keyword, name))
}

// watchNamespaces logs a namespace that is another one now, once.
func (s *supervisor) watchNamespaces() {
	text := strings.Join(s.namespaceProblems(), "; ")
	if text == s.namespaceProblem {
		return
	}
	s.namespaceProblem = text
	if text != "" {
		s.log.Error("a network namespace is not the one that director runs in", "problem", text)
	}
}
