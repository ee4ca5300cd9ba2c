-- One row per object of a database: its catalog, its kind, its name, and every column of its catalog row, with
-- what differs between two databases that are the same left out or replaced by names. Run by psql, which runs
-- the queries that this query writes (\gexec); a catalog that a server does not have is not asked.
--
-- Left out, by reason:
--   numbers that PostgreSQL deals itself: oid, attnum and all arrays of them, relfilenode, toast tables;
--   what VACUUM, ANALYZE and hints maintain: relpages, relhasindex, indcheckxmin, … and attmissingval;
--   expression trees, which hold oids: the text PostgreSQL makes of them is compared instead, here where there is
--   a function for it, and in pg_dump's output.
-- Replaced: a reference by the name of its object, privileges by what they are when NULL spells the default, in
-- the order of their text, and the number in the names of the triggers of foreign keys.
SET search_path = pg_catalog;
WITH catalogs(catalog, key, kind, condition, identity, since) AS (VALUES
    ('pg_aggregate', 'aggfnoid', 'c.aggkind::text', 'true', 'c.aggfnoid::regprocedure::text', 13),
    ('pg_am', 'oid', 'c.amtype::text', 'true', NULL, 13),
    ('pg_amop', 'oid', 'c.amoppurpose::text', 'true', NULL, 13),
    ('pg_amproc', 'oid', $$''$$, 'true', NULL, 13),
    ('pg_attrdef', 'oid', $$''$$, 'true', NULL, 13),
    ('pg_attribute', 'attrelid', $$''$$, $$c.attnum > 0 AND NOT c.attisdropped AND (SELECT r.relkind <> 't'
        AND r.relnamespace <> 'pg_toast'::regnamespace FROM pg_class r WHERE r.oid = c.attrelid)$$,
        -- PostgreSQL leaves the columns of an index their names when those of the table get others.
        $$c.attrelid::regclass || '.' || CASE WHEN (SELECT r.relkind IN ('i', 'I') FROM pg_class r WHERE r.oid = c.attrelid)
        THEN c.attnum::text ELSE quote_ident(c.attname) END$$, 13),
    ('pg_cast', 'oid', $$''$$, 'true', NULL, 13),
    ('pg_class', 'oid', 'c.relkind::text', $$c.relnamespace <> 'pg_toast'::regnamespace$$, NULL, 13),
    ('pg_collation', 'oid', $$''$$, 'true', NULL, 13),
    ('pg_constraint', 'oid', 'c.contype::text', 'true', NULL, 13),
    ('pg_conversion', 'oid', $$''$$, 'true', NULL, 13),
    ('pg_db_role_setting', NULL, $$''$$, 'c.setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())',
        'c.setrole::regrole::text', 13),
    ('pg_default_acl', 'oid', 'c.defaclobjtype::text', 'true', NULL, 13),
    ('pg_depend', NULL, 'c.deptype::text', $$c.objid >= 16384 AND (c.deptype IN ('e', 'x') OR c.classid = 'pg_class'::regclass
        AND c.refclassid = 'pg_class'::regclass AND c.refobjsubid > 0 AND c.deptype IN ('a', 'i')
        AND EXISTS (SELECT FROM pg_class r WHERE r.oid = c.objid AND r.relkind = 'S'))$$,
        $$(pg_identify_object(c.classid, c.objid, c.objsubid)).identity || ' on '
        || (pg_identify_object(c.refclassid, c.refobjid, c.refobjsubid)).identity$$, 13),
    -- PostgreSQL leaves comments of subscriptions behind that are dropped; 13 has an error for who asks their name.
    ('pg_description', NULL, $$''$$, $$(c.objoid >= 16384 OR c.classoid = 'pg_largeobject'::regclass
        OR c.classoid = 'pg_namespace'::regclass AND c.objoid = 'public'::regnamespace)
        AND CASE WHEN c.classoid = 'pg_subscription'::regclass THEN EXISTS (SELECT FROM pg_subscription s WHERE s.oid = c.objoid)
        ELSE (pg_identify_object(c.classoid, c.objoid, c.objsubid)).identity IS NOT NULL END$$,
        $$(pg_identify_object(c.classoid, c.objoid, c.objsubid)).type || ' '
        || (pg_identify_object(c.classoid, c.objoid, c.objsubid)).identity$$, 13),
    ('pg_enum', 'enumtypid', $$''$$, 'true', $$c.enumtypid::regtype || ' ' || c.enumlabel$$, 13),
    ('pg_event_trigger', 'oid', $$''$$, 'true', NULL, 13),
    ('pg_extension', 'oid', $$''$$, 'true', NULL, 13),
    ('pg_foreign_data_wrapper', 'oid', $$''$$, 'true', NULL, 13),
    ('pg_foreign_server', 'oid', $$''$$, 'true', NULL, 13),
    ('pg_foreign_table', 'ftrelid', $$''$$, 'true', 'c.ftrelid::regclass::text', 13),
    ('pg_index', 'indexrelid', $$''$$, $$(SELECT r.relnamespace <> 'pg_toast'::regnamespace FROM pg_class r
        WHERE r.oid = c.indexrelid)$$, 'c.indexrelid::regclass::text', 13),
    ('pg_inherits', 'inhrelid', $$''$$, 'true', $$c.inhrelid::regclass || ' of ' || c.inhparent::regclass$$, 13),
    ('pg_init_privs', 'objoid', 'c.privtype::text', 'true',
        '(pg_identify_object(c.classoid, c.objoid, c.objsubid)).identity', 13),
    ('pg_language', 'oid', $$''$$, 'true', NULL, 13),
    ('pg_largeobject_metadata', NULL, $$''$$, 'true', 'c.oid::text', 13),
    ('pg_namespace', NULL, $$''$$, $$c.oid >= 16384 AND c.nspname !~ '^pg_(toast_)?temp_' OR c.nspname = 'public'$$,
        'quote_ident(c.nspname)', 13),
    ('pg_opclass', 'oid', $$''$$, 'true', NULL, 13),
    ('pg_operator', 'oid', 'c.oprkind::text', 'true', NULL, 13),
    ('pg_opfamily', 'oid', $$''$$, 'true', NULL, 13),
    ('pg_partitioned_table', 'partrelid', 'c.partstrat::text', 'true', 'c.partrelid::regclass::text', 13),
    ('pg_policy', 'oid', 'c.polcmd::text', 'true', NULL, 13),
    ('pg_proc', 'oid', 'c.prokind::text', 'true', NULL, 13),
    ('pg_publication', 'oid', $$''$$, 'true', NULL, 13),
    ('pg_publication_namespace', 'oid', $$''$$, 'true', NULL, 15),
    ('pg_publication_rel', 'oid', $$''$$, 'true', NULL, 13),
    ('pg_range', 'rngtypid', $$''$$, 'true', 'c.rngtypid::regtype::text', 13),
    ('pg_rewrite', 'oid', 'c.ev_type::text', 'true', NULL, 13),
    ('pg_seclabel', 'objoid', $$''$$, 'true', '(pg_identify_object(c.classoid, c.objoid, c.objsubid)).identity', 13),
    ('pg_sequence', 'seqrelid', $$''$$, 'true', 'c.seqrelid::regclass::text', 13),
    ('pg_statistic_ext', 'oid', $$''$$, 'true', NULL, 13),
    ('pg_subscription', 'oid', $$''$$, 'c.subdbid = (SELECT oid FROM pg_database WHERE datname = current_database())', NULL, 13),
    ('pg_subscription_rel', 'srrelid', 'c.srsubstate::text', 'true', 'c.srrelid::regclass::text', 13),
    ('pg_transform', 'oid', $$''$$, 'true', NULL, 13),
    -- Names of internal triggers end with an oid; see the replacement below.
    ('pg_trigger', 'oid', $$CASE WHEN c.tgisinternal THEN 'internal' ELSE 'user' END$$, 'true', NULL, 13),
    ('pg_ts_config', 'oid', $$''$$, 'true', NULL, 13),
    ('pg_ts_config_map', 'mapcfg', $$''$$, 'true', $$c.mapcfg::regconfig || ' ' || c.maptokentype || ' ' || c.mapseqno$$, 13),
    ('pg_ts_dict', 'oid', $$''$$, 'true', NULL, 13),
    ('pg_ts_parser', 'oid', $$''$$, 'true', NULL, 13),
    ('pg_ts_template', 'oid', $$''$$, 'true', NULL, 13),
    ('pg_type', 'oid', 'c.typtype::text', $$c.typnamespace <> 'pg_toast'::regnamespace$$, NULL, 13),
    ('pg_user_mapping', 'oid', $$''$$, 'true', NULL, 13)
),
-- What a column of oids refers to: a type that prints a name, or a catalog whose objects are named.
refers(catalog, col, what) AS (VALUES
    ('pg_aggregate', 'aggfnoid', 'regprocedure'), ('pg_aggregate', 'aggsortop', 'regoperator'),
    ('pg_aggregate', 'aggtranstype', 'regtype'), ('pg_aggregate', 'aggmtranstype', 'regtype'),
    ('pg_amop', 'amopfamily', 'pg_opfamily'), ('pg_amop', 'amoplefttype', 'regtype'), ('pg_amop', 'amoprighttype', 'regtype'),
    ('pg_amop', 'amopopr', 'regoperator'), ('pg_amop', 'amopmethod', 'pg_am'), ('pg_amop', 'amopsortfamily', 'pg_opfamily'),
    ('pg_amproc', 'amprocfamily', 'pg_opfamily'), ('pg_amproc', 'amproclefttype', 'regtype'),
    ('pg_amproc', 'amprocrighttype', 'regtype'),
    ('pg_attrdef', 'adrelid', 'regclass'),
    ('pg_attribute', 'attrelid', 'regclass'), ('pg_attribute', 'atttypid', 'regtype'),
    ('pg_attribute', 'attcollation', 'regcollation'),
    ('pg_cast', 'castsource', 'regtype'), ('pg_cast', 'casttarget', 'regtype'), ('pg_cast', 'castfunc', 'regprocedure'),
    ('pg_class', 'relnamespace', 'regnamespace'), ('pg_class', 'reltype', 'regtype'), ('pg_class', 'reloftype', 'regtype'),
    ('pg_class', 'relowner', 'regrole'), ('pg_class', 'relam', 'pg_am'), ('pg_class', 'reltablespace', 'pg_tablespace'),
    ('pg_collation', 'collnamespace', 'regnamespace'), ('pg_collation', 'collowner', 'regrole'),
    ('pg_constraint', 'connamespace', 'regnamespace'), ('pg_constraint', 'conrelid', 'regclass'),
    ('pg_constraint', 'contypid', 'regtype'), ('pg_constraint', 'conindid', 'regclass'),
    ('pg_constraint', 'conparentid', 'pg_constraint'), ('pg_constraint', 'confrelid', 'regclass'),
    ('pg_constraint', 'conpfeqop', 'regoperator'), ('pg_constraint', 'conppeqop', 'regoperator'),
    ('pg_constraint', 'conffeqop', 'regoperator'), ('pg_constraint', 'conexclop', 'regoperator'),
    ('pg_conversion', 'connamespace', 'regnamespace'), ('pg_conversion', 'conowner', 'regrole'),
    ('pg_db_role_setting', 'setrole', 'regrole'),
    ('pg_default_acl', 'defaclrole', 'regrole'), ('pg_default_acl', 'defaclnamespace', 'regnamespace'),
    ('pg_enum', 'enumtypid', 'regtype'),
    ('pg_event_trigger', 'evtowner', 'regrole'), ('pg_event_trigger', 'evtfoid', 'regprocedure'),
    ('pg_extension', 'extowner', 'regrole'), ('pg_extension', 'extnamespace', 'regnamespace'),
    ('pg_extension', 'extconfig', 'regclass'),
    ('pg_foreign_data_wrapper', 'fdwowner', 'regrole'), ('pg_foreign_data_wrapper', 'fdwhandler', 'regprocedure'),
    ('pg_foreign_data_wrapper', 'fdwvalidator', 'regprocedure'),
    ('pg_foreign_server', 'srvowner', 'regrole'), ('pg_foreign_server', 'srvfdw', 'pg_foreign_data_wrapper'),
    ('pg_foreign_table', 'ftrelid', 'regclass'), ('pg_foreign_table', 'ftserver', 'pg_foreign_server'),
    ('pg_index', 'indexrelid', 'regclass'), ('pg_index', 'indrelid', 'regclass'),
    ('pg_index', 'indcollation', 'regcollation'), ('pg_index', 'indclass', 'pg_opclass'),
    ('pg_inherits', 'inhrelid', 'regclass'), ('pg_inherits', 'inhparent', 'regclass'),
    ('pg_language', 'lanowner', 'regrole'), ('pg_language', 'lanplcallfoid', 'regprocedure'),
    ('pg_language', 'laninline', 'regprocedure'), ('pg_language', 'lanvalidator', 'regprocedure'),
    ('pg_largeobject_metadata', 'lomowner', 'regrole'),
    ('pg_namespace', 'nspowner', 'regrole'),
    ('pg_opclass', 'opcmethod', 'pg_am'), ('pg_opclass', 'opcnamespace', 'regnamespace'), ('pg_opclass', 'opcowner', 'regrole'),
    ('pg_opclass', 'opcfamily', 'pg_opfamily'), ('pg_opclass', 'opcintype', 'regtype'), ('pg_opclass', 'opckeytype', 'regtype'),
    ('pg_operator', 'oprnamespace', 'regnamespace'), ('pg_operator', 'oprowner', 'regrole'),
    ('pg_operator', 'oprleft', 'regtype'), ('pg_operator', 'oprright', 'regtype'), ('pg_operator', 'oprresult', 'regtype'),
    ('pg_operator', 'oprcom', 'regoperator'), ('pg_operator', 'oprnegate', 'regoperator'),
    ('pg_opfamily', 'opfmethod', 'pg_am'), ('pg_opfamily', 'opfnamespace', 'regnamespace'), ('pg_opfamily', 'opfowner', 'regrole'),
    ('pg_partitioned_table', 'partrelid', 'regclass'), ('pg_partitioned_table', 'partdefid', 'regclass'),
    ('pg_partitioned_table', 'partclass', 'pg_opclass'), ('pg_partitioned_table', 'partcollation', 'regcollation'),
    ('pg_policy', 'polrelid', 'regclass'), ('pg_policy', 'polroles', 'regrole'),
    ('pg_proc', 'pronamespace', 'regnamespace'), ('pg_proc', 'proowner', 'regrole'), ('pg_proc', 'prolang', 'pg_language'),
    ('pg_proc', 'provariadic', 'regtype'), ('pg_proc', 'prorettype', 'regtype'), ('pg_proc', 'proargtypes', 'regtype'),
    ('pg_proc', 'proallargtypes', 'regtype'), ('pg_proc', 'protrftypes', 'regtype'),
    ('pg_publication', 'pubowner', 'regrole'),
    ('pg_publication_namespace', 'pnpubid', 'pg_publication'), ('pg_publication_namespace', 'pnnspid', 'regnamespace'),
    ('pg_publication_rel', 'prpubid', 'pg_publication'), ('pg_publication_rel', 'prrelid', 'regclass'),
    ('pg_range', 'rngtypid', 'regtype'), ('pg_range', 'rngsubtype', 'regtype'), ('pg_range', 'rngmultitypid', 'regtype'),
    ('pg_range', 'rngcollation', 'regcollation'), ('pg_range', 'rngsubopc', 'pg_opclass'),
    ('pg_rewrite', 'ev_class', 'regclass'),
    ('pg_sequence', 'seqrelid', 'regclass'), ('pg_sequence', 'seqtypid', 'regtype'),
    ('pg_statistic_ext', 'stxrelid', 'regclass'), ('pg_statistic_ext', 'stxnamespace', 'regnamespace'),
    ('pg_statistic_ext', 'stxowner', 'regrole'),
    ('pg_subscription', 'subowner', 'regrole'),
    ('pg_subscription_rel', 'srsubid', 'pg_subscription'), ('pg_subscription_rel', 'srrelid', 'regclass'),
    ('pg_transform', 'trftype', 'regtype'), ('pg_transform', 'trflang', 'pg_language'),
    ('pg_trigger', 'tgrelid', 'regclass'), ('pg_trigger', 'tgparentid', 'pg_trigger'), ('pg_trigger', 'tgfoid', 'regprocedure'),
    ('pg_trigger', 'tgconstrrelid', 'regclass'), ('pg_trigger', 'tgconstrindid', 'regclass'),
    ('pg_trigger', 'tgconstraint', 'pg_constraint'),
    ('pg_ts_config', 'cfgnamespace', 'regnamespace'), ('pg_ts_config', 'cfgowner', 'regrole'),
    ('pg_ts_config', 'cfgparser', 'pg_ts_parser'),
    ('pg_ts_config_map', 'mapcfg', 'regconfig'), ('pg_ts_config_map', 'mapdict', 'regdictionary'),
    ('pg_ts_dict', 'dictnamespace', 'regnamespace'), ('pg_ts_dict', 'dictowner', 'regrole'),
    ('pg_ts_dict', 'dicttemplate', 'pg_ts_template'),
    ('pg_ts_parser', 'prsnamespace', 'regnamespace'), ('pg_ts_template', 'tmplnamespace', 'regnamespace'),
    ('pg_type', 'typnamespace', 'regnamespace'), ('pg_type', 'typowner', 'regrole'), ('pg_type', 'typrelid', 'regclass'),
    ('pg_type', 'typelem', 'regtype'), ('pg_type', 'typarray', 'regtype'), ('pg_type', 'typbasetype', 'regtype'),
    ('pg_type', 'typcollation', 'regcollation'),
    ('pg_user_mapping', 'umuser', 'regrole'), ('pg_user_mapping', 'umserver', 'pg_foreign_server')
),
-- Privileges: what they are when they are NULL.
privileges(catalog, col, normal) AS (VALUES
    ('pg_attribute', 'attacl', $$'{}'::aclitem[]$$),
    ('pg_class', 'relacl', $$acldefault((CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END)::"char", c.relowner)$$),
    ('pg_default_acl', 'defaclacl', $$'{}'::aclitem[]$$),
    ('pg_foreign_data_wrapper', 'fdwacl', $$acldefault('F', c.fdwowner)$$),
    ('pg_foreign_server', 'srvacl', $$acldefault('S', c.srvowner)$$),
    ('pg_init_privs', 'initprivs', $$'{}'::aclitem[]$$),
    ('pg_language', 'lanacl', $$acldefault('l', c.lanowner)$$),
    ('pg_largeobject_metadata', 'lomacl', $$acldefault('L', c.lomowner)$$),
    ('pg_namespace', 'nspacl', $$acldefault('n', c.nspowner)$$),
    ('pg_proc', 'proacl', $$acldefault('f', c.proowner)$$),
    ('pg_type', 'typacl', $$acldefault('T', c.typowner)$$)
),
-- Left out.
without(catalog, col) AS (VALUES
    ('pg_attrdef', 'adnum'),
    ('pg_attribute', 'attname'), ('pg_attribute', 'attnum'), ('pg_attribute', 'attcacheoff'), ('pg_attribute', 'attmissingval'),
    ('pg_attribute', 'atthasmissing'), ('pg_attribute', 'attisdropped'), ('pg_attribute', 'attoptions'),
    ('pg_class', 'relfilenode'), ('pg_class', 'relpages'), ('pg_class', 'reltuples'), ('pg_class', 'relallvisible'),
    ('pg_class', 'relallfrozen'), ('pg_class', 'reltoastrelid'), ('pg_class', 'relnatts'), ('pg_class', 'relhasindex'),
    ('pg_class', 'relhasrules'), ('pg_class', 'relhastriggers'), ('pg_class', 'relhassubclass'), ('pg_class', 'relrewrite'),
    ('pg_class', 'relfrozenxid'), ('pg_class', 'relminmxid'), ('pg_class', 'relpartbound'),
    ('pg_constraint', 'conkey'), ('pg_constraint', 'confkey'), ('pg_constraint', 'confdelsetcols'),
    ('pg_db_role_setting', 'setdatabase'), ('pg_db_role_setting', 'setconfig'),
    ('pg_depend', 'classid'), ('pg_depend', 'objid'), ('pg_depend', 'objsubid'), ('pg_depend', 'refclassid'),
    ('pg_depend', 'refobjid'), ('pg_depend', 'refobjsubid'),
    ('pg_description', 'classoid'), ('pg_description', 'objoid'), ('pg_description', 'objsubid'),
    ('pg_enum', 'enumsortorder'),
    ('pg_index', 'indkey'), ('pg_index', 'indcheckxmin'),
    ('pg_init_privs', 'classoid'), ('pg_init_privs', 'objoid'), ('pg_init_privs', 'objsubid'),
    ('pg_partitioned_table', 'partattrs'),
    ('pg_publication_rel', 'prattrs'),
    ('pg_seclabel', 'classoid'), ('pg_seclabel', 'objoid'), ('pg_seclabel', 'objsubid'),
    ('pg_statistic_ext', 'stxkeys'),
    ('pg_subscription', 'subdbid'),
    ('pg_trigger', 'tgattr')
),
-- Added in their stead.
further(catalog, name, expression, since) AS (VALUES
    ('pg_attrdef', 'expression', 'pg_get_expr(c.adbin, c.adrelid)', 13),
    ('pg_attribute', 'position', $$(SELECT count(*) FROM pg_attribute a WHERE a.attrelid = c.attrelid AND a.attnum > 0
        AND a.attnum <= c.attnum AND NOT a.attisdropped)$$, 13),
    ('pg_attribute', 'options', $$(SELECT array_agg(o) FROM unnest(c.attoptions) o WHERE o NOT LIKE 'pg_attver=%')$$, 13),
    ('pg_class', 'bound', 'pg_get_expr(c.relpartbound, c.oid)', 13),
    ('pg_constraint', 'definition', 'pg_get_constraintdef(c.oid)', 13),
    ('pg_db_role_setting', 'settings', '(SELECT array_agg(s ORDER BY s) FROM unnest(c.setconfig) s)', 13),
    ('pg_enum', 'position', $$(SELECT count(*) FROM pg_enum e WHERE e.enumtypid = c.enumtypid
        AND e.enumsortorder <= c.enumsortorder)$$, 13),
    ('pg_index', 'definition', 'pg_get_indexdef(c.indexrelid)', 13),
    ('pg_partitioned_table', 'key', 'pg_get_partkeydef(c.partrelid)', 13),
    ('pg_policy', 'using', 'pg_get_expr(c.polqual, c.polrelid)', 13),
    ('pg_policy', 'check', 'pg_get_expr(c.polwithcheck, c.polrelid)', 13),
    ('pg_proc', 'arguments', 'pg_get_function_arguments(c.oid)', 13),
    ('pg_proc', 'body', 'pg_get_function_sqlbody(c.oid)', 14),
    ('pg_publication_rel', 'filter', 'pg_get_expr(c.prqual, c.prrelid)', 15),
    ('pg_publication_rel', 'columns', $$(SELECT array_agg(a.attname ORDER BY a.attname) FROM pg_attribute a
        WHERE a.attrelid = c.prrelid AND a.attnum = ANY (c.prattrs))$$, 15),
    ('pg_rewrite', 'definition', 'pg_get_ruledef(c.oid)', 13),
    ('pg_statistic_ext', 'definition', 'pg_get_statisticsobjdef(c.oid)', 13),
    ('pg_trigger', 'definition', 'CASE WHEN NOT c.tgisinternal THEN pg_get_triggerdef(c.oid) END', 13)
),
version(major) AS (SELECT current_setting('server_version_num')::int / 10000),
columns(catalog, name, expression) AS (
    SELECT c.catalog, a.attname::text,
        CASE
            WHEN p.normal IS NOT NULL THEN
                format('(SELECT array_agg(x::text ORDER BY x::text) FROM unnest(coalesce(c.%I, %s)) x)', a.attname, p.normal)
            WHEN r.what LIKE 'reg%' AND a.atttypid IN ('oid[]'::regtype, 'oidvector'::regtype) THEN
                format('(SELECT array_agg(x::%s::text ORDER BY n) FROM unnest(c.%I::oid[]) WITH ORDINALITY u(x, n))', r.what, a.attname)
            WHEN r.what LIKE 'reg%' THEN format('c.%I::%s::text', a.attname, r.what)
            WHEN r.what IS NOT NULL AND a.atttypid IN ('oid[]'::regtype, 'oidvector'::regtype) THEN
                format('(SELECT array_agg((pg_identify_object(%L::regclass, x, 0)).identity ORDER BY n) '
                    'FROM unnest(c.%I::oid[]) WITH ORDINALITY u(x, n))', r.what, a.attname)
            WHEN r.what IS NOT NULL THEN
                format('CASE WHEN c.%2$I <> 0 THEN (pg_identify_object(%1$L::regclass, c.%2$I, 0)).identity END', r.what, a.attname)
            -- The order of options means nothing, and pg_dump sorts them.
            WHEN a.attname LIKE '%options' AND a.atttypid = 'text[]'::regtype THEN
                format('(SELECT array_agg(x ORDER BY x) FROM unnest(c.%I) x)', a.attname)
            ELSE format('c.%I', a.attname)
        END
    FROM catalogs c
    JOIN pg_attribute a ON a.attrelid = to_regclass('pg_catalog.' || c.catalog) AND a.attnum > 0 AND NOT a.attisdropped
    LEFT JOIN refers r ON r.catalog = c.catalog AND r.col = a.attname
    LEFT JOIN privileges p ON p.catalog = c.catalog AND p.col = a.attname
    WHERE a.attname <> 'oid' AND a.atttypid <> 'pg_node_tree'::regtype
    AND NOT EXISTS (SELECT FROM without w WHERE w.catalog = c.catalog AND w.col = a.attname)
    UNION ALL
    SELECT f.catalog, f.name, f.expression FROM further f, version v WHERE v.major >= f.since
)
SELECT format(
    'SELECT %L, %s, regexp_replace(%s, ''(RI_ConstraintTrigger_[ac]|(Unique|PK)_ConstraintTrigger)_[0-9]+'', ''\1'', ''g''), '
    'regexp_replace(jsonb_build_object(%s)::text, ''(RI_ConstraintTrigger_[ac]|(Unique|PK)_ConstraintTrigger)_[0-9]+'', ''\1'', ''g'') '
    'FROM pg_catalog.%I c WHERE (%s)%s',
    c.catalog, c.kind,
    coalesce(c.identity, format('(pg_identify_object(%L::regclass, c.oid, 0)).identity', c.catalog)),
    (SELECT string_agg(format('%L, %s', o.name, o.expression), ', ' ORDER BY o.name) FROM columns o WHERE o.catalog = c.catalog),
    c.catalog, c.condition, CASE WHEN c.key IS NOT NULL THEN format(' AND c.%I::oid >= 16384', c.key) ELSE '' END)
FROM catalogs c, version v
WHERE v.major >= c.since
ORDER BY c.catalog
\gexec
