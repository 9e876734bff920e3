"""The options of the process as a whole and of the modules.

Every row is `name=(default, help)` below what its group shares.  The module
knows no scope instances and reads nothing.
"""

from __future__ import annotations

from mcmtpush.config.tables.declaration import GLOBAL, Option, rows


_LOGGER = frozenset({"apn_logger"})
_SIMULATOR = frozenset({"apns_simulator"})
_SECURITY = frozenset({"security"})
_LEVELS = ("debug", "info", "notice", "warning", "error", "critical")
_SCRIPTLET = frozenset({"scriptlet"})
_POLICY = _SCRIPTLET | {"python"}
_MODULES = _LOGGER | _SIMULATOR | _POLICY | {"apn", "httpsrv", "restinjector"}

PROCESS: tuple[Option, ...] = (
    *rows(
        "string",
        GLOBAL,
        used=True,
        hostname=(None, "Name of this host; unset asks the system."),
    ),
    *rows(
        "path",
        GLOBAL,
        used=True,
        local_changes_file=(None, "A file that is read after everything else."),
    ),
    *rows("bool", GLOBAL, local_changes_only=(False, "Save changes there only.")),
    *rows("path", GLOBAL, dynamic=False, license=(None, "Licence of the original.")),
    *rows(
        "path",
        GLOBAL,
        dynamic=False,
        pidfile=("/var/run/ecelerity.pid", "Process id file; use twistd --pidfile."),
    ),
    *rows(
        "count",
        GLOBAL,
        used=True,
        dynamic=False,
        choices=("auto",),
        workers=(1, "Processes that share the work; auto is one for each core."),
    ),
    *rows("size", GLOBAL, "seconds", control_client_timeout=(60, "Console client.")),
    *rows("size", GLOBAL, server_max_file_descriptors=(3000000, "Open files.")),
    *rows("size", GLOBAL, "bytes", tcp_buffer_size=(32768, "Socket buffers.")),
    *rows(
        "string",
        GLOBAL,
        timestampformat=("[%a %d %b %Y %H:%M:%S] ", "Times in diagnostics."),
    ),
    *rows(
        "path",
        GLOBAL,
        dynamic=False,
        masterdb_file=("/var/log/ecelerity/ecdb", "Database of statistics."),
    ),
    *rows("size", GLOBAL, "seconds", permastore_interval=(300, "Its saving.")),
    *rows(
        "string",
        GLOBAL,
        dynamic=False,
        delivery_pool=(None, "Thread pool of deliveries."),
        maintainer_pool=(None, "Thread pool of queue maintenance."),
        scheduler=(None, "Event mechanism."),
        crypto_lock_method=(None, "Locks of the crypto library."),
        ssl_lock_method=(None, "Locks of the TLS library."),
        trace_smtp_mode=(None, "Session traces."),
        opendkim_sign=(None, "Signing of mail."),
    ),
    *rows(
        "bool",
        GLOBAL,
        use_ipv6=(False, "Connect over IPv6."),
        prefer_ipv6_mxs=(False, "Prefer IPv6 targets."),
    ),
    *rows(
        "bool",
        GLOBAL,
        dynamic=False,
        use_iflist_cache=(False, "Remember the network interfaces."),
    ),
)

SPOOL: tuple[Option, ...] = (
    *rows(
        "path",
        GLOBAL,
        used=True,
        dynamic=False,
        spoolbase=("/var/spool/ecelerity", "Folder of the spool."),
    ),
    *rows(
        "perms",
        GLOBAL,
        used=True,
        dynamic=False,
        spool_mode=(0o640, "Mode of new spool files, octal."),
    ),
    *rows(
        "bool",
        GLOBAL,
        used=True,
        dynamic=False,
        force_fsync=(True, "Synchronise the disk before a message is accepted."),
    ),
    *rows(
        "positive",
        GLOBAL,
        "seconds",
        used=True,
        dynamic=False,
        delayed_queue_scan_interval=(15, "How often delayed queues are looked at."),
    ),
    *rows(
        "bool",
        GLOBAL,
        _unsafe_spool=(False, "Accept messages without writing them."),
        unlink_on_spool_in_failure=(True, "Remove what cannot be read back."),
        mime_parse_large_messages_during_reception=(True, "Parse early."),
        inline_transfail_processing=(True, "Handle failures at once."),
        clear_mail_queue_maintainers=(True, "Forget empty queues."),
    ),
    *rows(
        "bool",
        GLOBAL,
        dynamic=False,
        keep_message_dicts_in_memory=(False, "Keep context when bodies leave."),
    ),
    *rows(
        "size",
        GLOBAL,
        disk_queue_drain_rate=(100, "Messages read back at a turn."),
        max_resident_transfails=(100, "Failed messages kept in memory."),
        transfail_drain_rate=(100, "Failed messages handled at a turn."),
        match_cache_size=(16384, "Entries of the match cache."),
    ),
    *rows(
        "size",
        GLOBAL,
        "seconds",
        reserve_maintenance_interval=(15, "How often the reserve sweep runs."),
        mail_queue_check_vm_interval=(60, "How often memory is looked at."),
        match_cache_life=(0, "Age of cached matches; 0 is no limit."),
    ),
    *rows(
        "size",
        GLOBAL,
        "bytes",
        growbuf_size=(16384, "Step by which buffers grow."),
        large_message_threshold=(131072, "Size from which bodies go to disk."),
        legacy_message_threshold=(1048576, "Size from which modules step aside."),
    ),
    *rows(
        "size",
        GLOBAL,
        "percent",
        used=True,
        memory_goal=(90, "Memory at which bodies start to leave; 0 is never."),
        memory_hwm=(95, "Memory at which new mail is refused for now; 0 is never."),
    ),
)

SAFETY: tuple[Option, ...] = (
    *rows(
        "string",
        _SECURITY,
        dynamic=False,
        user=("ecuser", "User to become after the start."),
        group=("ecuser", "Group to become after the start."),
        capabilities=(None, "Linux capabilities to keep."),
        privileges=(None, "Solaris privileges to keep."),
    ),
    *rows("path", _SECURITY, dynamic=False, chroot=(None, "Folder to lock in.")),
    *rows(
        "list",
        _SECURITY,
        dynamic=False,
        supplemental_groups=(None, "Further groups to belong to."),
    ),
    *rows("regexes", frozenset({"role"}), allow=(None, "Commands a role may use.")),
    *rows(
        "list",
        frozenset({"debug_flags"}),
        debug=(None, "Parts that report debug messages."),
        info=(None, "Parts that report information."),
        notice=(None, "Parts that report notices."),
        warning=(None, "Parts that report warnings."),
        error=(("ALL",), "Parts that report errors."),
        critical=(("ALL",), "Parts that report critical errors."),
    ),
)

MODULES: tuple[Option, ...] = (
    *rows("bool", _MODULES, used=True, enabled=(True, "Whether the module acts.")),
    *rows(
        "choice",
        _MODULES,
        choices=_LEVELS,
        debug_level=("error", "Least severe message the module reports."),
    ),
    *rows(
        "bool",
        frozenset({"restinjector"}),
        dot_stuff=(False, "Double leading dots of injected templates."),
    ),
    *rows(
        "path",
        _LOGGER,
        used=True,
        dynamic=False,
        logfile=("/var/log/ecelerity/apnlog.ec", "File the records go to."),
    ),
    *rows(
        "perms",
        _LOGGER,
        used=True,
        dynamic=False,
        logmode=(0o644, "Mode of the log, octal."),
    ),
    *rows(
        "size",
        _LOGGER,
        "seconds",
        used=True,
        dynamic=False,
        heartbeat=(60, "Distance of heartbeat records; 0 is none."),
    ),
    *rows(
        "bool",
        _LOGGER,
        used=True,
        dynamic=False,
        log_delivery=(True, "Write D records."),
        log_tempfail=(True, "Write T records."),
        log_permfail=(True, "Write P records."),
    ),
    *rows(
        "string",
        _LOGGER,
        used=True,
        dynamic=False,
        log_delivery_format=(
            '%t@D@%i@"%sa"@"%da"@%d@%g@%b@%H@%B@%ti',
            "Format of D records.",
        ),
        log_tempfail_format=(
            '%t@T@%i@"%sa"@"%da"@%d@%g@%b@%H@%B@%ti@%S@%e',
            "Format of T records.",
        ),
        log_permfail_format=(
            "%t@P@%i@%sa@%da@%d@%g@%b@%H@%S@%e",
            "Format of P records.",
        ),
        log_heartbeat_format=("%t@M", "Format of heartbeat records."),
    ),
    *rows(
        "string",
        _LOGGER,
        namespace=("apn_logger,sieve,custom_logger", "Where macros are looked up."),
    ),
    *rows(
        "string",
        _LOGGER,
        dynamic=False,
        thread_pool=(None, "Thread pool of the logger."),
    ),
    *rows(
        "path",
        _SIMULATOR,
        used=True,
        dynamic=False,
        journal=(None, "File of every frame the simulator saw (JSON lines)."),
        script=(None, "File with the simulator's faults."),
    ),
    *rows(
        "string",
        frozenset({"script"}),
        used=True,
        source=(None, "Module name below the configuration's folders, or a path."),
    ),
    *rows(
        "size",
        _SCRIPTLET,
        "bytes",
        used=True,
        memory_limit=(67108864, "Memory that all Lua scripts may use; 0 is no limit."),
    ),
    *rows(
        "size",
        _SCRIPTLET,
        used=True,
        instruction_limit=(
            10000000,
            "Lua instructions that one call may take; 0 is no limit.",
        ),
    ),
    *rows(
        "size",
        _SCRIPTLET,
        "seconds",
        script_ttl=(300, "Age of cached scripts; here they are read at a reload."),
        reap_interval=(120, "How often old interpreters are removed."),
    ),
    *rows(
        "size",
        _SCRIPTLET,
        gc_pause=(200, "Pace of the garbage collector."),
        gc_stepmul=(200, "Its speed."),
    ),
    *rows("bool", _SCRIPTLET, always_gc=(False, "Collect after every call.")),
    *rows(
        "choice",
        frozenset({"listen"}),
        used=True,
        dynamic=False,
        choices=("apn", "apn2"),
        protocol=("apn", "What a listen of apns_simulator speaks: binary or HTTP/2."),
    ),
)

CLASHES: dict[str, Option] = {
    f"apn_logger.{option.name}": option
    for option in rows("size", _LOGGER, concurrency=(1, "Threads of the logger."))
}
"""Names that mean something else in one module, by `module.name`."""

PROCESS_TABLE = (*PROCESS, *SPOOL, *SAFETY, *MODULES)
