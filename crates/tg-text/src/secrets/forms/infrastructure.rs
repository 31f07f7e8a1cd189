//! Credentials of operating systems, protocols and frameworks.

use super::{Check, Form, form};

#[rustfmt::skip]
pub(super) const FORMS: &[Form] = &[
    form("jwt", "RFC 7519", "JSON Web Token", r"eyJ[\j]{10,}\.eyJ[\j]{5,}\.[\j]{10,} eyJ[\j]{10,}\.eyJ[\j]{5,}\.").checked(Check::Jwt),
    form("jwe", "RFC 7516", "encrypted JSON Web Token", r"eyJ[\j]{20,}\.[\j]{0,}\.[\j]{16,24}\.[\j]{10,}\.[\j]{22}").checked(Check::Jwt),
    form("jwt-within-base64", "RFC 7519", "JSON Web Token within base64", r"ZXlK[\B_-]{90,}[=]{0,2}"),
    form("paseto", "PASETO", "token", r"v(1|2|3|4)\.(local|public)\.[\j]{60,}"),
    form("age-secret-key", "age", "secret key", r"AGE-SECRET-KEY-1[\U]{58}"),
    form("bcrypt-hash", "crypt", "bcrypt hash of a password", r"$2(a|b|y|x)$\d{2}$[\a./]{53}"),
    form("sha-crypt-hash", "crypt", "SHA hash of a password", r"$6$[\a./]{4,16}$[\a./]{86} $6$rounds=\d{4,9}$[\a./]{4,16}$[\a./]{86} $5$[\a./]{4,16}$[\a./]{43} $5$rounds=\d{4,9}$[\a./]{4,16}$[\a./]{43}"),
    form("md5-crypt-hash", "crypt", "MD5 hash of a password", r"$1$[\a./]{2,8}$[\a./]{22} $apr1$[\a./]{2,8}$[\a./]{22}"),
    form("yescrypt-hash", "crypt", "yescrypt hash of a password", r"$y$[\a./]{3,5}$[\a./]{1,86}$[\a./]{43} $7$[\a./]{10,60}$[\a./]{43}"),
    form("argon2-hash", "crypt", "Argon2 hash of a password", r"$argon2(id|i|d)$v=\d{2}$m=\d{2,8},t=\d{1,4},p=\d{1,3}$[\B]{8,64}$[\B]{16,90}"),
    form("scrypt-hash", "crypt", "scrypt hash of a password", r"$scrypt$ln=\d{1,2},r=\d{1,2},p=\d{1,2}$[\B]{8,64}$[\B]{16,90}"),
    form("django-hash", "Django", "hash of a password", r"pbkdf2_sha(256|1)$\d{3,8}$\a{8,32}$[\B]{27,44}[=]{0,2}"),
    form("phpass-hash", "PHPass", "hash of a password", r"$(P|H)$[\a./]{31} $S$[\a./]{52}"),
    form("ldap-hash", "LDAP", "hash of a password", r"{SSHA}[\B]{28,60}[=]{0,2} {SHA}[\B]{27}= {SSHA256}[\B]{40,70}[=]{0,2} {SSHA512}[\B]{80,130}[=]{0,2} {CRYPT}[\a$./]{13,120}"),
    form("kerberos-hash", "Kerberos", "ticket's hash", r"$krb5(tgs|asrep)$\d{2}$[\a$*./@:_-]{40,} $krb5pa$\d{2}$[\a$*./@:_-]{40,}"),
    form("mysql-hash", "MySQL", "caching hash of a password", r"$A$005$[\a./]{60,70}"),
    form("scram-hash", "PostgreSQL", "SCRAM secret", r"SCRAM-SHA-256$\d{4,7}:[\B=]{16,32}$[\B=]{44}:[\B=]{44}"),
    form("grub-hash", "GRUB", "hash of a password", r"grub\.pbkdf2\.sha512\.\d{4,7}\.[\X]{60,130}\.[\X]{100,130}"),
    form("ntlm-hash", "Windows", "hashes of a password", r":\d{3,6}:\x{32}:\x{32}::: :\d{3,6}:[\X]{32}:[\X]{32}:::"),
    form("cisco-secret", "Cisco", "type 8 or 9 secret", r"$(8|9)$[\a./]{14}$[\a./]{43}"),
    form("junos-secret", "Juniper", "obfuscated secret", r"$9$[\a./-]{16,80}"),
    form("putty-private-mac", "PuTTY", "key file", r"Private-MAC:\ \x{40,64}").behind("Private-MAC: "),
    form("laravel-app-key", "Laravel", "application key", r"base64:[\B]{43}=").behind("base64:"),
    form("django-secret-key", "Django", "insecure secret key", r"django-insecure-[\a!@#$%^&*()_=+-]{40,60}"),
    form("kubernetes-client-key", "Kubernetes", "client's key of a kubeconfig", r"client-key-data:\ LS0t[\B]{60,}[=]{0,2}").behind("client-key-data: "),
    form("private-key-within-base64", "PEM", "private key within base64", r"LS0tLS1CRUdJTi(BQUklWQVRFI|BSU0EgUFJJVkFURS|BFQyBQUklWQVRFI|BPUEVOU1NIIFBSSVZBVE)[\B]{60,}[=]{0,2}"),
    form("otp-secret", "otpauth", "secret of one-time passwords", r"?secret=[A-Z2-7]{16,64}[=]{0,6} &secret=[A-Z2-7]{16,64}[=]{0,6}").behind("secret="),
    form("bitcoin-private-key", "Bitcoin", "extended private key", r"(xprv|yprv|zprv|tprv)[\a]{107}"),
    form("macaroon-token", "Macaroons", "token", r"MDA[\j]{60,}[=]{0,2}"),
    form("okta-ssws-token", "Okta", "API token in its header", r"SSWS\ 00[\j]{40}").behind("SSWS "),
    form("flask-session", "Flask", "signed session", r"\.eJ[\j]{30,}\.[\j]{6}\.[\j]{27}"),
];
