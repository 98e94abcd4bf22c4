/** Modules that come with Python 3.11 to 3.14 (`sys.stdlib_module_names`); those that 3.12 and 3.13 removed count too. */
export const standard: ReadonlySet<string> = new Set(
  `
    __future__ __main__ abc aifc argparse array ast asynchat asyncio asyncore atexit audioop base64 bdb binascii
    bisect builtins bz2 cProfile calendar cgi cgitb chunk cmath cmd code codecs codeop collections colorsys
    compileall concurrent configparser contextlib contextvars copy copyreg crypt csv ctypes curses dataclasses
    datetime dbm decimal difflib dis distutils doctest email encodings ensurepip enum errno faulthandler fcntl
    filecmp fileinput fnmatch fractions ftplib functools gc genericpath getopt getpass gettext glob graphlib grp
    gzip hashlib heapq hmac html http imaplib imghdr imp importlib inspect io ipaddress itertools json keyword
    lib2to3 linecache locale logging lzma mailbox mailcap marshal math mimetypes mmap modulefinder msilib msvcrt
    multiprocessing netrc nis nntplib nt ntpath nturl2path numbers opcode operator optparse os ossaudiodev pathlib
    pdb pickle pickletools pipes pkgutil platform plistlib poplib posix posixpath pprint profile pstats pty pwd
    py_compile pyclbr pydoc pydoc_data pyexpat queue quopri random re readline reprlib resource rlcompleter runpy
    sched secrets select selectors shelve shlex shutil signal site smtpd smtplib sndhdr socket socketserver spwd
    sqlite3 sre_compile sre_constants sre_parse ssl stat statistics string stringprep struct subprocess sunau
    symtable sys sysconfig syslog tabnanny tarfile telnetlib tempfile termios textwrap threading time timeit tkinter
    token tokenize tomllib trace traceback tracemalloc tty turtle turtledemo types typing unicodedata unittest
    urllib uu uuid venv warnings wave weakref webbrowser winreg winsound wsgiref xdrlib xml xmlrpc zipapp zipfile
    zipimport zlib zoneinfo
  `
    .trim()
    .split(/\s+/),
);

/** Packages by the name under which they are imported, where the two differ. */
export const distributions: ReadonlyMap<string, readonly string[]> = new Map(
  Object.entries({
    MySQLdb: ["mysqlclient"],
    OpenSSL: ["pyopenssl"],
    PIL: ["pillow"],
    Crypto: ["pycryptodome", "pycrypto"],
    Cryptodome: ["pycryptodomex"],
    allauth: ["django-allauth"],
    attr: ["attrs"],
    auditlog: ["django-auditlog"],
    axes: ["django-axes"],
    bs4: ["beautifulsoup4"],
    ckeditor: ["django-ckeditor"],
    constance: ["django-constance"],
    corsheaders: ["django-cors-headers"],
    crispy_forms: ["django-crispy-forms"],
    cv2: ["opencv-python", "opencv-python-headless", "opencv-contrib-python", "opencv-contrib-python-headless"],
    dateutil: ["python-dateutil"],
    debug_toolbar: ["django-debug-toolbar"],
    decouple: ["python-decouple"],
    discord: ["discord-py", "py-cord"],
    dj_database_url: ["dj-database-url"],
    django_filters: ["django-filter"],
    dns: ["dnspython"],
    docx: ["python-docx"],
    dotenv: ["python-dotenv"],
    environ: ["django-environ", "environ-config"],
    faiss: ["faiss-cpu", "faiss-gpu"],
    fitz: ["pymupdf"],
    flask_login: ["flask-login"],
    flask_sqlalchemy: ["flask-sqlalchemy"],
    git: ["gitpython"],
    grpc: ["grpcio"],
    guardian: ["django-guardian"],
    health_check: ["django-health-check"],
    import_export: ["django-import-export"],
    jose: ["python-jose"],
    jwt: ["pyjwt"],
    ldap: ["python-ldap"],
    magic: ["python-magic"],
    markdown: ["markdown"],
    mptt: ["django-mptt"],
    multipart: ["python-multipart", "multipart"],
    nacl: ["pynacl"],
    ninja: ["django-ninja"],
    oauth2_provider: ["django-oauth-toolkit"],
    pinecone: ["pinecone", "pinecone-client"],
    pkg_resources: ["setuptools"],
    pptx: ["python-pptx"],
    psycopg: ["psycopg", "psycopg-binary"],
    psycopg2: ["psycopg2", "psycopg2-binary"],
    rest_framework: ["djangorestframework"],
    rest_framework_simplejwt: ["djangorestframework-simplejwt"],
    serial: ["pyserial"],
    silk: ["django-silk"],
    skimage: ["scikit-image"],
    sklearn: ["scikit-learn"],
    slugify: ["python-slugify"],
    social_django: ["social-auth-app-django"],
    socketio: ["python-socketio"],
    storages: ["django-storages"],
    taggit: ["django-taggit"],
    telegram: ["python-telegram-bot"],
    telebot: ["pytelegrambotapi"],
    yaml: ["pyyaml", "ruamel-yaml"],
    zmq: ["pyzmq"],
  }),
);

/** Modules whose documentation says to import them when another package is declared. */
export const comesWith: ReadonlyMap<string, readonly string[]> = new Map(
  Object.entries({
    asgiref: ["django"],
    botocore: ["boto3"],
    click: ["flask"],
    itsdangerous: ["flask"],
    jinja2: ["flask"],
    kombu: ["celery"],
    markupsafe: ["flask", "jinja2"],
    numpy: ["pandas", "scipy", "scikit-learn"],
    pydantic: ["fastapi", "pydantic-settings", "django-ninja"],
    pydantic_core: ["pydantic", "fastapi"],
    setuptools: ["setuptools"],
    starlette: ["fastapi"],
    urllib3: ["requests"],
    werkzeug: ["flask"],
  }),
);
