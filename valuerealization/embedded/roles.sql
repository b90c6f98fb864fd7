-- Roles and database, for a superuser, as often as you like:
--   psql -v database=valuerealization -f roles.sql
-- Then give vr_owner and vr_app a password each: \password vr_owner
--
-- vr_owner   owns the tables and migrates them; nobody serves requests as it
-- vr_app     the application's: no DDL, and what the migrations grant it; subject to row-level security
-- vr_portal  no sign-in; the application takes it with SET LOCAL ROLE while it serves a customer.
--            NOINHERIT, because a policy also holds for whoever inherits the role it names.

SELECT format('CREATE ROLE %I %s', wanted.role, wanted.attributes)
  FROM (VALUES ('vr_owner', 'LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS'),
               ('vr_app', 'LOGIN NOINHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS'),
               ('vr_portal', 'NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS')) AS wanted (role, attributes)
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted.role)
 ORDER BY wanted.role DESC
\gexec

GRANT vr_portal TO vr_app;

SELECT format('CREATE DATABASE %I OWNER vr_owner TEMPLATE template0 ENCODING ''UTF8'' LC_COLLATE ''C.UTF-8'' LC_CTYPE ''C.UTF-8''', :'database')
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'database')
\gexec

REVOKE ALL ON DATABASE :"database" FROM PUBLIC;
GRANT CONNECT, TEMPORARY ON DATABASE :"database" TO vr_app;

-- A slow migration gives way instead of standing in front of every request.
ALTER ROLE vr_owner IN DATABASE :"database" SET lock_timeout = '10s';
