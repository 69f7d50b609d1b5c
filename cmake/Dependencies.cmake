# The outside libraries, all of them Debian packages (jobs/setup.sh lists them).
find_package(MPI REQUIRED COMPONENTS C)
find_package(OpenMP REQUIRED COMPONENTS C)
find_package(Threads REQUIRED)
find_package(ZLIB REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(HWLOC REQUIRED IMPORTED_TARGET hwloc)
pkg_check_modules(YAML REQUIRED IMPORTED_TARGET yaml-0.1)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson)
pkg_check_modules(PROTOBUF_C REQUIRED IMPORTED_TARGET libprotobuf-c)
pkg_check_modules(CUNIT REQUIRED IMPORTED_TARGET cunit)

# Parallel HDF5 by pkg-config: CMake's own search compiles a program with h5pcc,
# which does not quote its arguments and so fails below a folder with a space.
pkg_check_modules(HDF5 REQUIRED IMPORTED_TARGET GLOBAL hdf5-openmpi>=1.10)
add_library(hdf5::hdf5 ALIAS PkgConfig::HDF5)

# What pictures are decoded by (ImageDecoder): each may be missing.
set(PICTURES)
foreach(format JPEG:libjpeg PNG:libpng WEBP:libwebp TIFF:libtiff-4
        JPEG2000:libopenjp2)
  string(REPLACE ":" ";" format ${format})
  list(GET format 0 name)
  list(GET format 1 library)
  pkg_check_modules(${name} IMPORTED_TARGET ${library})
  if(${name}_FOUND)
    list(APPEND PICTURES PkgConfig::${name})
    set_property(SOURCE ${CMAKE_SOURCE_DIR}/src/kernel/image_library.c
      APPEND PROPERTY COMPILE_DEFINITIONS ESP_HAS_${name})
  endif()
endforeach()

# What RegexFullMatch has beyond POSIX; it may be missing too.
pkg_check_modules(PCRE2 IMPORTED_TARGET libpcre2-8)
set(PATTERNS)
if(PCRE2_FOUND)
  set(PATTERNS PkgConfig::PCRE2)
  set_property(SOURCE ${CMAKE_SOURCE_DIR}/src/op/regex.c
    APPEND PROPERTY COMPILE_DEFINITIONS ESP_HAS_PCRE2)
endif()

# ONNX's schema: the part that is read, compiled to C.
find_program(PROTOC_C protoc-c REQUIRED)
set(schema ${CMAKE_BINARY_DIR}/onnx_schema)
set(onnx_proto ${CMAKE_SOURCE_DIR}/src/model/onnx.proto)
file(MAKE_DIRECTORY ${schema})
add_custom_command(
  OUTPUT ${schema}/onnx.pb-c.c ${schema}/onnx.pb-c.h
  COMMAND ${PROTOC_C} --proto_path=${CMAKE_SOURCE_DIR}/src/model
          --c_out=${schema} ${onnx_proto}
  DEPENDS ${onnx_proto})
add_library(onnx_schema STATIC ${schema}/onnx.pb-c.c)
target_include_directories(onnx_schema SYSTEM PUBLIC ${schema})
target_link_libraries(onnx_schema PUBLIC PkgConfig::PROTOBUF_C)

# oneDNN by header and library: its CMake package would also ask for OpenCL's
# headers, which nothing here uses.
find_path(DNNL_HEADERS dnnl.h REQUIRED)
find_library(DNNL_LIBRARY dnnl REQUIRED)
add_library(DNNL::dnnl UNKNOWN IMPORTED)
set_target_properties(DNNL::dnnl PROPERTIES IMPORTED_LOCATION ${DNNL_LIBRARY})
