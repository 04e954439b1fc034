// Package bus is director on the system bus: the D-Bus interface of keepalived.
//
// Objects, methods, signals and properties are those of keepalived 2.2 (Debian's, without CreateInstance
// and DestroyInstance): /org/keepalived/Vrrp1/Vrrp, and one object for each instance. It is read only but
// for SendGarp and ReloadConfig, which are asked of the supervisor. What it shows it was told: the
// instances with the settings, each transition by itself. A bus that is not there, or that does not let
// this process have the name, is a problem that is told, and tried again.
package bus
